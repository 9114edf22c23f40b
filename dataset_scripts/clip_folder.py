"""Clips of a folder, found by the names that a CSV has for them.

Rows are matched as `extract --labels` does it (`emollama_hf.extraction.matched_rows`). What is stricter here on
purpose: a key has no folders, so that no name leads out of the folder; a clip's link must not either, unless asked; a
name that is not UTF-8 is refused, since rows are known by their files' names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dataset_scripts.content_builder import listed
from emollama_hf.console.logs import package_logger
from emollama_hf.errors import SourceError
from emollama_hf.extraction.clip_names import ClipNames
from emollama_hf.extraction.matched_rows import KEEP_ONE, check_any, match_rows
from emollama_hf.files.tables import Row, Table
from emollama_hf.files.video_files import VIDEO_SUFFIXES, find_videos
from emollama_hf.frames.source import shown_name

logger = package_logger(__name__)


@dataclass(frozen=True)
class Matched:
    """Rows with their clips; a clip is its name relative to the folder.

    Attributes:
        rows: number in the table (from 0), row and clip of each row that has one, in the order of the table.
        rows_without_clip: keys of the other rows.
        clips_without_row: the other clips.
    """

    rows: list[tuple[int, Row, str]]
    rows_without_clip: list[str]
    clips_without_row: list[str]

    def gaps(self) -> dict[str, list[str]]:
        """What is left out, by what it is."""
        return {
            "rows without a clip, left out": self.rows_without_clip,
            "clips without a row, left out": self.clips_without_row,
        }


def match_clips(folder: Path, table: Table, key: str, *, follow_links: bool = False) -> Matched:
    """Find the clip of each row: the video in a folder or below it whose name without its ending is the row's key.

    Names are looked up among the files of the folder and never joined to its path.

    Args:
        folder: of videos.
        table: of labels.
        key: the column that names clips.
        follow_links: whether a clip may be a symbolic link out of the folder.

    Returns:
        The rows that have a clip, and what is left out on both sides.

    Raises:
        SourceError: no such folder, no videos, a key that is a path, a link out of the folder, a name that is not
            UTF-8; as `match_rows` and `check_any`.
    """
    for line, cells in table.rows:
        if not is_file_name(cells[key]):
            raise table.error(
                line, f"{key} {cells[key]!r} is no name of a clip; expected a file's name without folders and ending."
            )
    paths = _clips_of(folder, table.path)
    names = [path.relative_to(folder).as_posix() for path in paths]
    matched = match_rows(table, key, ClipNames(names).with_stem, names, remedy=KEEP_ONE)
    check_any(matched, table, key, names)
    clip_of = {number: clip for clip, number in matched.row_of.items()}
    check_inside(folder, [paths[clip] for clip in clip_of.values()], follow_links)
    check_utf8(folder, [names[clip] for clip in clip_of.values()])
    rows = [(number, row, names[clip_of[number]]) for number, row in enumerate(table.rows) if number in clip_of]
    unused = [name for clip, name in enumerate(names) if clip not in matched.row_of]
    return Matched(rows, matched.without_clip, unused)


def is_file_name(name: str) -> bool:
    """Whether a name is that of a file in a folder, and no path."""
    return name not in (".", "..") and not re.search(r"[/\\\0]", name)


def check_folder(folder: Path) -> None:
    """Raise SourceError unless there is such a folder."""
    if not folder.is_dir():
        what = "is a file" if folder.is_file() else "does not exist"
        raise SourceError(f"{folder}: {what}; expected a folder. Check the path.")


def check_inside(folder: Path, paths: Iterable[Path], follow_links: bool) -> None:
    """Check that no file is a link out of its folder.

    Args:
        folder: the folder.
        paths: of its files.
        follow_links: whether such links are allowed.

    Raises:
        SourceError: it names all of them.
    """
    outside = [] if follow_links else [path for path in paths if not path.resolve().is_relative_to(folder.resolve())]
    if outside:
        raise SourceError(
            f"{folder}: {listed([path.relative_to(folder).as_posix() for path in outside])} are links out of the "
            "folder. If they are meant, pass follow_links=True (--follow-links)."
        )


def check_utf8(folder: Path, names: Iterable[str]) -> None:
    """Check that names of files are text.

    Args:
        folder: for the error.
        names: of its files.

    Raises:
        SourceError: it names those that are not UTF-8.
    """
    odd = [shown_name(name) for name in names if shown_name(name) != name]
    if odd:
        raise SourceError(
            f"{folder}: the names {listed(odd)} are not UTF-8 (% and two digits stand for a byte). Rename the files, "
            "or their folders."
        )


def _clips_of(folder: Path, labels: Path) -> list[Path]:
    check_folder(folder)
    found = find_videos(folder)
    left_out = found.left_out([labels])
    if not found.clips:
        there = f" It has {left_out}." if left_out else ""
        raise SourceError(f"{folder}: holds no videos; expected files named *{', *'.join(VIDEO_SUFFIXES[:10])} or so."
                          f"{there}")  # fmt: skip
    if left_out:
        logger.warning("%s: left out: %s", folder, left_out)
    return found.clips
