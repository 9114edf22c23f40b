"""Clips of a folder, found by the names that a CSV has for them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dataset_scripts.content_builder import listed
from emollama_hf.console.logs import package_logger
from emollama_hf.errors import SourceError
from emollama_hf.extraction.clip_names import as_read
from emollama_hf.files.tables import Row, Table
from emollama_hf.files.video_files import VIDEO_SUFFIXES, find_videos
from emollama_hf.frames.source import shown_name

logger = package_logger(__name__)


@dataclass(frozen=True)
class Matched:
    """rows: number in the table (from 0), row and clip of each row that has one, in the order of the table.

    A clip is its name relative to the folder.
    """

    rows: list[tuple[int, Row, str]]
    rows_without_clip: list[str]
    clips_without_row: list[str]

    def gaps(self) -> dict[str, list[str]]:
        return {
            "rows without a clip, left out": self.rows_without_clip,
            "clips without a row, left out": self.clips_without_row,
        }


def match_clips(folder: Path, table: Table, key: str, *, follow_links: bool = False) -> Matched:
    """The clip of each row: the video in `folder` or below it whose name without its ending is the row's `key`.

    Names are compared as people read them (Unicode NFC: a decomposed "é" is an "é"). They are looked up among the files
    of the folder and never joined to its path, so that no name leads out of it.
    Raises SourceError: no such folder, no videos, a key that is doubled or no file name, two clips for one key, a
    symbolic link out of the folder (unless `follow_links`), nothing that matches.
    """
    table.unique(key)
    for line, cells in table.rows:
        if not is_file_name(cells[key]):
            raise table.error(
                line, f"{key} {cells[key]!r} is no name of a clip; expected a file's name without folders and ending."
            )
    clips: dict[str, list[Path]] = {}
    for path in _clips_of(folder, table.path):
        clips.setdefault(as_read(path.stem), []).append(path)
    rows, missing = [], []
    for number, row in enumerate(table.rows):
        name = as_read(row.cells[key])
        found = clips.pop(name, [])
        if len(found) > 1:
            both = listed([path.relative_to(folder).as_posix() for path in found])
            raise table.error(row.line, f"{key} {row.cells[key]!r} has several clips: {both}. Remove all but one.")
        if found:
            check_inside(folder, found, follow_links)
            file_name = found[0].relative_to(folder).as_posix()
            check_utf8(folder, [file_name])
            rows.append((number, row, file_name))
        else:
            missing.append(row.cells[key])
    unused = [path.relative_to(folder).as_posix() for paths in clips.values() for path in paths]
    if not rows:
        raise SourceError(
            f"{table.path}: no {key} is the name of a clip in {folder}. The CSV has {listed(missing)}; the folder has "
            f"{listed(unused)}."
        )
    return Matched(rows, missing, unused)


def is_file_name(name: str) -> bool:
    """Whether a name is that of a file in a folder, and no path."""
    return name not in (".", "..") and not re.search(r"[/\\\0]", name)


def check_folder(folder: Path) -> None:
    """Raise SourceError unless there is such a folder."""
    if not folder.is_dir():
        what = "is a file" if folder.is_file() else "does not exist"
        raise SourceError(f"{folder}: {what}; expected a folder. Check the path.")


def check_inside(folder: Path, paths: Iterable[Path], follow_links: bool) -> None:
    """Raise SourceError if a file of the folder is a link to one elsewhere."""
    outside = [] if follow_links else [path for path in paths if not path.resolve().is_relative_to(folder.resolve())]
    if outside:
        raise SourceError(
            f"{folder}: {listed([path.relative_to(folder).as_posix() for path in outside])} are links out of the "
            "folder. If they are meant, pass follow_links=True (--follow-links)."
        )


def check_utf8(folder: Path, names: Iterable[str]) -> None:
    """Raise SourceError if a file's name is no text."""
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
