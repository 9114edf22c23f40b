"""Clips of a folder, found by the names that a CSV has for them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dataset_scripts.content_builder import listed
from dataset_scripts.csv_table import CsvRow, CsvTable
from emollama_hf.store.sources import VIDEO_SUFFIXES, SourceError, find_clips


@dataclass(frozen=True)
class Matched:
    """rows: each row that has a clip, and the clip's name relative to the folder, in the order of the CSV."""

    rows: list[tuple[CsvRow, str]]
    rows_without_clip: list[str]
    clips_without_row: list[str]

    def gaps(self) -> dict[str, list[str]]:
        return {
            "rows without a clip, left out": self.rows_without_clip,
            "clips without a row, left out": self.clips_without_row,
        }


def match_clips(folder: Path, table: CsvTable, key: str, *, follow_links: bool = False) -> Matched:
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
    for path in _clips_of(folder):
        clips.setdefault(as_read(path.stem), []).append(path)
    rows, missing = [], []
    for row in table.rows:
        name = as_read(row.cells[key])
        found = clips.pop(name, [])
        if len(found) > 1:
            both = listed([path.relative_to(folder).as_posix() for path in found])
            raise table.error(row.line, f"{key} {row.cells[key]!r} has several clips: {both}. Remove all but one.")
        if found:
            check_inside(folder, found, follow_links)
            rows.append((row, found[0].relative_to(folder).as_posix()))
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


def as_read(name: str) -> str:
    """A name in the form in which equal looks are equal text."""
    return unicodedata.normalize("NFC", name)


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


def _clips_of(folder: Path) -> list[Path]:
    check_folder(folder)
    found = find_clips(folder)
    if not found:
        raise SourceError(f"{folder}: holds no videos; expected files named *{', *'.join(VIDEO_SUFFIXES)}.")
    return found
