"""The table that says which published row is whose: it stays in the lab, beside the directory that was pushed."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import pyarrow as pa
from filelock import FileLock

from emollama_hf.errors import ShareError
from emollama_hf.files.atomic_write import atomic_file
from emollama_hf.files.small_file import TABLE_BYTES, read_small_text
from emollama_hf.sharing.names.row_names import RowNames, forgotten_name

COLUMNS = ["published", "name"]
ENDING = ".names.csv"


def names_table(directory: Path) -> Path:
    """Where the table of a pushed directory lies: `features.names.csv` beside `features`, wherever links lead."""
    real = Path(os.path.realpath(directory))
    return real.with_name(real.name + ENDING)


def names_of(tables: Iterable[pa.Table], names: RowNames, *, forgotten: Collection[str] = ()) -> dict[str, str]:
    """The name of each row by its published name, but for rows that were forgotten and are not published again.

    Args:
        tables: rows, with their key.
        names: how they are named where they are published.
        forgotten: digests of the published names of forgotten rows.
    """
    gone = frozenset(forgotten)
    found = {}
    for table in tables:
        for name in table.column(names.key.column).to_pylist():
            published = names.published(str(name))
            if not gone or forgotten_name(published) not in gone:
                found[published] = str(name)
    return found


def remember_names(table: Path, names: Mapping[str, str]) -> None:
    """Add rows to a table, which only its owner can read, and replace it at once.

    Args:
        table: as `names_table` gives it; it need not exist.
        names: the name of each row by its published name.

    Raises:
        ShareError: the table cannot be read or written, or the file is something else.
    """
    try:
        with FileLock(table.with_name(f".{table.name}.lock"), mode=0o600):
            before = read_names(table)
            after = {**before, **names}
            if after != before or (before and table.stat().st_mode & 0o077):
                write_table(table, [COLUMNS, *after.items()])
    except OSError as error:
        raise ShareError(
            f"{table}: the table of the names behind the published hashes cannot be written "
            f"({error.strerror or error}). Nothing was published. Make its folder writable, or name rows by a column "
            "that needs no table (--key uuid, key=), or publish the names (--names, names=True)."
        ) from error


def read_names(table: Path) -> dict[str, str]:
    """The name of each row by its published name; none where there is no table. Raises ShareError, OSError."""
    try:
        text = read_small_text(table, at_most=TABLE_BYTES)
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except FileNotFoundError:
        return {}
    except (ValueError, csv.Error) as error:
        raise _no_table(table, str(error)) from error
    if lines and lines[0] != COLUMNS:
        raise _no_table(table, f"its first line is {','.join(lines[0])!r}")
    wrong = next((number for number, line in enumerate(lines, 1) if len(line) != len(COLUMNS)), None)
    if wrong is not None:
        raise _no_table(table, f"line {wrong} has {len(lines[wrong - 1])} values")
    return dict(lines[1:])


def write_table(table: Path, lines: Iterable[Iterable[str]]) -> None:
    """Replace a table of names, which nobody but its owner may read.

    Args:
        table: Its path.
        lines: The values of each line, the names of the columns first.

    Raises:
        OSError: It cannot be written; it is then as it was.
    """
    text = io.StringIO(newline="")
    csv.writer(text).writerows(lines)
    with atomic_file(table, durable=True, mode=0o600) as file:
        file.write(text.getvalue().encode())


def _no_table(table: Path, found: str) -> ShareError:
    return ShareError(
        f"{table} is no table of names, or is damaged ({found}); expected the columns {','.join(COLUMNS)}. Nothing was "
        "published. Mend it, or move it away: a push writes the names of the rows that it publishes."
    )
