"""Tables of labels, read strictly: every error names the file and the line, and a cell is the text that stands there.

One reader for `metadata.*` in a folder of clips, `--labels`, the builders of `dataset_scripts` and OpenFace's files:

    .csv or any other ending   commas        .tsv, .tab         tabs
    .jsonl, .ndjson            one object a line, with its types        .parquet        with its types

What a column's type is, `column_types` decides. pandas and pyarrow read the same files, but not as strictly: pandas
renames a doubled heading, fills up a short line and reads `0012` as 12, pyarrow ends a text at a line break unless told
otherwise, and neither keeps the line of a row for the errors that come later.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from emollama_hf.errors import SourceError
from emollama_hf.files.small_file import TABLE_BYTES, OddFileError, read_small
from emollama_hf.text.few_of_many import few_and_dots

TAB_SUFFIXES = (".tsv", ".tab")
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
PARQUET_SUFFIX = ".parquet"
#: A table of labels has some; OpenFace's have 714.
MAX_COLUMNS = 10_000
_SHOWN = 50  # in an error
SEPARATORS = {";": "';'", "\t": "tabs", "|": "'|'"}


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        line: of the file, from 1, where the row ends.
        cells: text by column, "" for an empty cell.
    """

    line: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Table:
    """A table of labels.

    Attributes:
        path: of the file.
        columns: their names, in the order of the file.
        rows: in the order of the file.
        digest: sha256 of the file's bytes.
        values: by column, where the file has types of its own (JSON, Parquet).
        features: types of `datasets` by column, from Parquet.
    """

    path: Path
    columns: list[str]
    rows: list[Row]
    digest: str
    values: dict[str, list[Any]] = field(default_factory=dict)
    features: dict[str, Any] = field(default_factory=dict)

    def error(self, line: int, message: str) -> SourceError:
        """An error in one line of this file."""
        return SourceError(f"{self.path}, {_unit(self.path)} {line}: {message}")

    def texts(self, column: str) -> list[str]:
        """The cells of a column."""
        return [row.cells[column] for row in self.rows]

    def check_filled(self, columns: Sequence[str]) -> None:
        """Raise SourceError if a row has an empty cell in one of these columns."""
        for line, cells in self.rows:
            empty = [name for name in columns if not cells[name].strip()]
            if empty:
                raise self.error(line, f"{', '.join(empty)} is empty. Fill the cell, or remove the row.")

    def check_not_made(self, made: Collection[str]) -> None:
        """Raise SourceError if a column has the name of one that this package makes, which labels must not replace."""
        taken = [name for name in self.columns if name in made]
        if taken:
            raise SourceError(f"{self.path}: the columns {', '.join(taken)} are made by this package. Rename them in "
                              "the table.")  # fmt: skip

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
                    line,
                    f"{column} {value!r} is there twice, first in {_unit(self.path)} {first[value]}. Remove one of the "
                    "rows.",
                )
            first[value] = line

    def extra(self, known: Collection[str], made: Collection[str]) -> list[str]:
        """Columns beyond the known ones. Raises SourceError if one has the name of a column that this package makes."""
        self.check_not_made(set(made).difference(known))
        return [name for name in self.columns if name not in known]


def read_table(path: Path, *, filled: Sequence[str] = (), one_of: Sequence[str] = ()) -> Table:
    """The rows of a table of labels; a byte order mark, blank lines and blanks around names of columns are passed over.

    Args:
        path: UTF-8 text (see above for what its ending says), or Parquet.
        filled: columns that must be present, without an empty cell.
        one_of: columns of which one must be present.

    Returns:
        The table, with at least one row.

    Raises:
        SourceError: no such file, not UTF-8, no table of this kind, columns missing, nameless or doubled, a line of
            another length, an empty cell, no rows.

    Example:
        >>> read_table(Path("labels.csv"), filled=["uuid"]).rows[0].cells
        {'uuid': '0012', 'label': 'MW'}
    """
    try:
        content = read_small(path, at_most=TABLE_BYTES)
    except FileNotFoundError as error:
        raise SourceError(f"{path}: there is no such file. Check the path.") from error
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}); expected a CSV file.") from error
    except OddFileError as error:
        raise SourceError(f"{path}: {error} with a table of labels. Copy the table to a file.") from error
    suffix = path.suffix.lower()
    if suffix == PARQUET_SUFFIX:
        table = _from_parquet(path, content)
    elif suffix in JSON_SUFFIXES:
        table = _from_json(path, content)
    else:
        table = _from_csv(path, content)
    _check_columns(table, filled, one_of)
    table.check_filled(filled)
    if not table.rows:
        raise SourceError(f"{path}: has no rows below its headings. Is it the right file?")
    return table


def csv_lines(path: Path, content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Read the lines of a CSV, the headings first and without blanks around them.

    Where every heading but the first follows its comma with a blank, so do the cells, and these blanks are left out.

    Args:
        path: of the file; its ending says whether tabs part the cells.
        content: its bytes.

    Yields:
        Number and cells of every line that is not blank.

    Raises:
        SourceError: not UTF-8, no CSV.
    """
    text = _decoded(path, content)
    delimiter = "\t" if path.suffix.lower() in TAB_SUFFIXES else ","
    _allow_cells_as_long_as(text)
    headings = next(_parsed(path, text, delimiter, False), (1, []))[1]
    spaced = len(headings) > 1 and all(name.startswith(" ") for name in headings[1:])
    for number, (line, cells) in enumerate(_parsed(path, text, delimiter, spaced)):
        yield line, cells if number else [name.strip() for name in cells]


def as_text(value: Any) -> str:
    """A value of JSON or Parquet as a CSV would have it; "" for none."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)  # pandas writes NaN for an empty cell
    return str(value)


def _from_csv(path: Path, content: bytes) -> Table:
    lines = csv_lines(path, content)
    _, columns = next(lines, (1, []))
    _check_width(path, columns)
    table = Table(path, columns, [], hashlib.sha256(content).hexdigest())
    for line, cells in lines:
        if len(cells) != len(columns):
            raise table.error(line, f"has {len(cells)} cells; expected {len(columns)}, as in the CSV's first line."
                              f"{_separator_hint(columns)}")  # fmt: skip
        table.rows.append(Row(line, dict(zip(columns, cells, strict=True))))
    return table


def _from_json(path: Path, content: bytes) -> Table:
    found: list[tuple[int, dict[str, Any]]] = []
    # Not splitlines(): JSON may hold a line separator (U+2028) within a text.
    for line, text in enumerate(_decoded(path, content).split("\n"), start=1):
        if not text.strip():
            continue
        try:
            value = json.loads(text, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            raise SourceError(f"{path}, line {line}: cannot be read as JSON ({error}); expected an object a line, such "
                              'as {"file_name": "a.mp4", "label": "MW"}.') from error  # fmt: skip
        if not isinstance(value, dict):
            raise SourceError(f"{path}, line {line}: is a {type(value).__name__}; expected an object a line, such as "
                              '{"file_name": "a.mp4", "label": "MW"}.')  # fmt: skip
        named = {name.strip(): one for name, one in value.items()}
        if len(named) < len(value):
            raise SourceError(f"{path}, line {line}: a key is there twice, but for blanks. Rename or remove one.")
        found.append((line, named))
    columns = list(dict.fromkeys(name for _, value in found for name in value))
    _check_width(path, columns)
    rows = [Row(line, {name: as_text(value.get(name)) for name in columns}) for line, value in found]
    values = {name: [value.get(name) for _, value in found] for name in columns}
    return Table(path, columns, rows, hashlib.sha256(content).hexdigest(), values)


def _from_parquet(path: Path, content: bytes) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from datasets import ClassLabel, Features

    try:
        read = pq.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError) as error:
        raise SourceError(_no_labels(path, error)) from error
    columns = [name.strip() for name in read.column_names]
    _check_width(path, columns)
    try:
        kinds = list(Features.from_arrow_schema(read.schema).values())
        values = [column.to_pylist() for column in read.columns]
    except (pa.ArrowException, ValueError) as error:  # a type that `datasets` has not, no UTF-8
        raise SourceError(_no_labels(path, error)) from error
    texts = [
        [as_text(kind.int2str(one) if isinstance(kind, ClassLabel) and one is not None else one) for one in column]
        for kind, column in zip(kinds, values, strict=True)
    ]
    rows = [
        Row(number, dict(zip(columns, cells, strict=True)))
        for number, cells in enumerate(zip(*texts, strict=True), start=1)
    ]
    digest = hashlib.sha256(content).hexdigest()
    return Table(path, columns, rows, digest, dict(zip(columns, values, strict=True)),
                 dict(zip(columns, kinds, strict=True)))  # fmt: skip


def _decoded(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        excel = " It is an Excel workbook or an archive: save the sheet as a CSV." if content[:2] == b"PK" else ""
        raise SourceError(
            f"{path}, line {line}: is not UTF-8 (byte {error.start}). Save it as UTF-8.{excel}"
        ) from error


def _parsed(path: Path, text: str, delimiter: str, spaced: bool) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter, skipinitialspace=spaced)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        raise SourceError(f"{path}, line {reader.line_num}: cannot be read as a CSV ({error}).") from error


def _allow_cells_as_long_as(text: str) -> None:
    """Raise the limit of `csv`, 131,072 characters, which is one for the whole process and so is not lowered again."""
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    twice = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if twice:
        raise ValueError(f"the key {twice[0]!r} is there twice")
    return dict(pairs)


def _no_labels(path: Path, error: Exception) -> str:
    return f"{path}: cannot be read as Parquet of labels ({' '.join(str(error).split())}). Save it as a CSV."


def _check_width(path: Path, columns: Sequence[str]) -> None:
    if len(columns) > MAX_COLUMNS:
        raise SourceError(
            f"{path}: has {len(columns):,} columns; expected at most {MAX_COLUMNS:,} in a table of labels. Keep those "
            "that are labels, or name the right file."
        )


def _check_columns(table: Table, filled: Sequence[str], one_of: Sequence[str]) -> None:
    columns, where = table.columns, f"{table.path}, {_unit(table.path)} 1"
    shown = few_and_dots(columns, _SHOWN, show=repr) or "nothing"
    missing = [name for name in filled if name not in columns]
    if missing:
        hint = _separator_hint(columns) or _renaming_hint(columns, missing) or " Rename or add them."
        raise SourceError(f"{where}: has {shown}; expected the columns {', '.join(missing)} as well.{hint}")
    seen: set[str] = set()
    for number, name in enumerate(columns):
        if not name:
            raise SourceError(
                f"{where}: column {number + 1} has no name. Name it, or remove it (an index that pandas wrote: "
                "to_csv(path, index=False))."
            )
        if "\0" in name:
            raise SourceError(f"{where}: the column {name!r} has a NUL in its name, where Arrow ends it. Rename it.")
        if name in seen:
            raise SourceError(f"{where}: the column {name!r} is there twice. Rename or remove one.")
        seen.add(name)
    if one_of and not set(one_of).intersection(columns):
        hint = _separator_hint(columns) or _renaming_hint(columns, one_of)
        raise SourceError(f"{where}: has {shown}; expected one of {', '.join(one_of)} in the CSV's headings.{hint}")


def _separator_hint(columns: Sequence[str]) -> str:
    for mark, name in SEPARATORS.items():
        if any(mark in column for column in columns):
            tabs = ", or name the file *.tsv" if mark == "\t" else ""
            return f" The cells seem to be parted by {name}: save it with commas{tabs}."
    return ""


def _renaming_hint(columns: Sequence[str], expected: Sequence[str]) -> str:
    """What to rename, where a column's name differs in blanks, hyphens or capitals only."""
    plain = {_letters(name): name for name in expected}
    near = [(name, plain[_letters(name)]) for name in columns if _letters(name) in plain and name not in expected]
    return "".join(f" Rename {name!r} to {meant}." for name, meant in near)


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _unit(path: Path) -> str:
    return "row" if path.suffix.lower() == PARQUET_SUFFIX else "line"
