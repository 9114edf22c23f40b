"""The videos of a folder and its subfolders, and what else lies there and is left out."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

#: Endings of files that FFmpeg reads as videos, in either case.
VIDEO_SUFFIXES = (
    ".mp4", ".mov", ".webm", ".avi", ".mkv", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv",
    ".mts", ".m2ts", ".m2t", ".ts", ".trp", ".tod", ".mod", ".vob", ".vro", ".evo",
    ".mpe", ".m1v", ".m2v", ".mp2v", ".mpv", ".m2p", ".3gp", ".3gpp", ".3g2", ".3gp2",
    ".asf", ".ogv", ".ogm", ".ogx", ".qt", ".divx", ".xvid", ".f4v", ".mk3d", ".mxf", ".gxf", ".dv",
    ".rm", ".rmvb", ".amv", ".nut", ".nsv", ".wtv", ".dvr-ms", ".ismv", ".insv", ".lrv", ".mjpeg", ".mjpg",
    ".y4m", ".ivf", ".obu", ".h264", ".264", ".avc", ".h265", ".265", ".hevc",
)  # fmt: skip
#: Tables of labels that the folder builders of `datasets` read, too.
METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")

HIDDEN, NO_ENDING, BROKEN = "hidden", "without an ending", "broken links"
SEEN_ALREADY, UNREADABLE = "links to folders that were searched already", "folders that cannot be read"


@dataclass
class VideoFiles:
    """clips: in the order of their names. tables: files of METADATA. others: what is left out, by kind."""

    folder: Path
    clips: list[Path] = field(default_factory=list)
    tables: list[Path] = field(default_factory=list)
    others: dict[str, list[Path]] = field(default_factory=dict)

    def left_out(self, used: Iterable[Path] = ()) -> str:
        """What is left out, but for files `used` for something else, by kind and number: "3 .txt, 1 .docx"."""
        known = {os.path.realpath(path) for path in used}
        count = Counter({kind: sum(os.path.realpath(path) not in known for path in paths)
                         for kind, paths in self.others.items()})  # fmt: skip
        return ", ".join(f"{number} {kind}" for kind, number in count.most_common() if number)


def find_videos(folder: Path) -> VideoFiles:
    """Search a folder with its subfolders and the folders that links in it lead to, each of them once.

    Hidden files and folders are left out. A link to no file whose name is a video's is a clip that is missing.
    """
    found = VideoFiles(folder)
    links: deque[Path] = deque()
    searched: set[str] = set()
    _search(folder, found, links, searched)
    while links:  # after all that lies in the folder itself, so that a link never takes a folder's own name away
        link = links.popleft()
        if os.path.realpath(link) in searched:
            found.others.setdefault(SEEN_ALREADY, []).append(link)
        else:
            _search(link, found, links, searched)
    found.clips.sort()
    found.tables.sort()
    return found


def _search(folder: Path, found: VideoFiles, links: deque[Path], searched: set[str]) -> None:
    pending = [folder]
    while pending:
        here = pending.pop()
        real = os.path.realpath(here)
        if real in searched:  # below a link: a part of the tree that another link led to
            found.others.setdefault(SEEN_ALREADY, []).append(here)
            continue
        searched.add(real)
        try:
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError:
            found.others.setdefault(UNREADABLE, []).append(here)
            continue
        for entry in entries:
            path = here / entry.name
            if entry.name.startswith("."):
                found.others.setdefault(HIDDEN, []).append(path)
            elif entry.is_dir(follow_symlinks=False):
                pending.append(path)
            elif entry.is_symlink() and path.is_dir():
                links.append(path)
            else:
                _add(path, found)


def _add(path: Path, found: VideoFiles) -> None:
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES and (path.is_file() or path.is_symlink()):
        found.clips.append(path)
    elif path.name in METADATA and path.is_file():
        found.tables.append(path)
    else:
        kind = BROKEN if path.is_symlink() and not path.exists() else suffix or NO_ENDING
        found.others.setdefault(kind, []).append(path)
