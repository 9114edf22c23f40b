"""A CSV of labels, read strictly: every error names the file and the line."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from emollama_hf.store.sources import SourceError


class CsvRow(NamedTuple):
    """line: of the file, from 1, where the row ends. cells: text by column, "" where there is none."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True)
class CsvTable:
    """columns: in the order of the file. digest: sha256 of the file's bytes."""

    path: Path
    columns: list[str]
    rows: list[CsvRow]
    digest: str

    def error(self, line: int, message: str) -> SourceError:
        """An error in one line of this file."""
        return SourceError(f"{self.path}, line {line}: {message}")

    def choices(self, column: str, names: Sequence[str]) -> None:
        """Raise SourceError unless every cell of a column is one of `names`."""
        for line, cells in self.rows:
            if cells[column] not in names:
                raise self.error(
                    line, f"{column} is {cells[column]!r}; expected one of {', '.join(names)}. Mend the cell."
                )

    def unique(self, column: str) -> None:
        """Raise SourceError if a column holds a value twice."""
        first: dict[str, int] = {}
        for line, cells in self.rows:
            value = cells[column]
            if value in first:
                raise self.error(
                    line, f"{column} {value!r} is there twice, first in line {first[value]}. Remove one of the rows."
                )
            first[value] = line

    def extra(self, known: Collection[str], made: Collection[str]) -> list[str]:
        """Columns beyond the known ones. Raises SourceError if one has the name of a column that is made here."""
        extra = [name for name in self.columns if name not in known]
        taken = [name for name in extra if name in made]
        if taken:
            raise SourceError(f"{self.path}: the columns {', '.join(taken)} are made here. Rename them in the CSV.")
        return extra


def read_csv(path: Path, *, filled: Sequence[str]) -> CsvTable:
    """The rows of a UTF-8 CSV with a line of headings; a byte order mark and blank lines are passed over.

    filled: the columns that must be there, without an empty cell; others may be there.
    Raises SourceError: no such file, not UTF-8, no CSV, columns missing, nameless or doubled, a line of another length,
    an empty cell, no rows.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise SourceError(f"{path}: there is no such file. Check the path.") from error
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}); expected a CSV file.") from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SourceError(f"{path}, line {line}: is not UTF-8 (byte {error.start}). Save the file as UTF-8.") from error
    lines = _lines(path, text)
    _, columns = next(lines, (1, []))
    _check_columns(path, columns, filled)
    table = CsvTable(path, columns, [], hashlib.sha256(content).hexdigest())
    for line, cells in lines:
        if len(cells) != len(columns):
            raise table.error(line, f"has {len(cells)} cells; expected {len(columns)}, as in the first line.")
        row = CsvRow(line, dict(zip(columns, cells, strict=True)))
        empty = [name for name in filled if not row.cells[name].strip()]
        if empty:
            raise table.error(line, f"{', '.join(empty)} is empty. Fill the cell, or remove the row.")
        table.rows.append(row)
    if not table.rows:
        raise SourceError(f"{path}: has no rows below its headings. Is it the right file?")
    return table


def _lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Number and cells of every line that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        raise SourceError(f"{path}, line {reader.line_num}: cannot be read as a CSV ({error}).") from error


def _check_columns(path: Path, columns: list[str], filled: Sequence[str]) -> None:
    missing = [name for name in filled if name not in columns]
    if missing:
        shown = ", ".join(map(repr, columns)) or "nothing"
        hint = " The cells seem to be parted by ';': save it with commas." if ";" in shown else " Rename or add them."
        raise SourceError(f"{path}, line 1: has {shown}; expected the columns {', '.join(missing)} as well.{hint}")
    for number, name in enumerate(columns):
        if not name.strip():
            raise SourceError(
                f"{path}, line 1: column {number + 1} has no name. Name it, or remove it (an index that pandas wrote: "
                "to_csv(path, index=False))."
            )
        if name in columns[:number]:
            raise SourceError(f"{path}, line 1: the column {name!r} is there twice. Rename or remove one.")
