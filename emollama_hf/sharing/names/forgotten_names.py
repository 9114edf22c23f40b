"""The lab's table of names beside a directory, without the rows that are forgotten: it says who they were."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Collection, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from emollama_hf import schema
from emollama_hf.errors import ShareError
from emollama_hf.feature_set.manifest import Manifest
from emollama_hf.files.small_file import TABLE_BYTES, read_small_text
from emollama_hf.sharing.names.names_table import COLUMNS, ENDING, write_table
from emollama_hf.sharing.places.folder_place import FolderPlace
from emollama_hf.sharing.places.place import Place
from emollama_hf.sharing.rewrite import Rewritten


def clear_names_table(place: Place, manifest: Manifest, rewritten: Mapping[str, Rewritten]) -> None:
    """Take the rows that go out of the table of names beside a directory of this machine, if there is one.

    Args:
        place: the set.
        manifest: what it had before.
        rewritten: its files that have such rows.

    Raises:
        ShareError: there is a table that cannot be read or written; nothing was forgotten yet.
    """
    if not isinstance(place, FolderPlace) or not place.is_local:
        return
    folders = dict.fromkeys([place.name, os.path.realpath(place.name)])
    tables = [table for folder in folders if os.path.lexists(table := Path(f"{folder}{ENDING}"))]
    if not tables:
        return
    names = names_that_go(place, manifest, rewritten)
    for found in tables:
        _clear(found, names)


def names_that_go(place: Place, manifest: Manifest, rewritten: Mapping[str, Rewritten]) -> set[str]:
    """All that names a row which goes: published names, and on this machine the values of other naming columns."""
    names: set[str] = set()
    is_local = isinstance(place, FolderPlace) and place.is_local
    for config in manifest.configs.values():
        for path, file in config.files.items():
            if path in rewritten:
                kept = rewritten[path].kept
                names |= {row for row, stays in zip(file.rows, kept, strict=False) if not stays}
                if is_local:
                    names |= _names(place, path, list(config.features), kept)
    return names


def _names(place: Place, path: str, columns: Collection[str], kept: list[bool]) -> set[str]:
    """All that names a row which goes."""
    naming = [column for column in schema.ROW_NAMES if column in columns]
    with place.open(path) as remote, pq.ParquetFile(remote, pre_buffer=False) as file:
        rows = file.read(columns=naming, use_threads=False).filter(pa.array([not stays for stays in kept], pa.bool_()))
    return {str(value) for column in rows.columns for value in column.to_pylist() if value is not None}


def _clear(table: Path, names: Collection[str]) -> None:
    try:
        if table.is_symlink() or not table.is_file():
            raise ValueError("it is no file of its own")
        header, *rows = list(csv.reader(io.StringIO(read_small_text(table, at_most=TABLE_BYTES), newline="")))
        if header[:2] != COLUMNS:
            raise ValueError(f"expected the columns {', '.join(COLUMNS)}, found {', '.join(header)}")
        left = [row for row in rows if not set(row[:2]) & set(names)]
        if len(left) == len(rows):
            return
        write_table(table, [header, *left])
    except (OSError, ValueError, csv.Error) as error:
        raise ShareError(
            f"{table} names the rows that are to be forgotten, and cannot be cleared of them ({error}). Nothing was "
            "forgotten: mend or remove it, and forget again."
        ) from error
