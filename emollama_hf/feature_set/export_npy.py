"""Columns of a feature data set as `{name}.npy` files, the layout of the original's scripts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import numpy as np
from datasets import Dataset, Features, IterableDataset

from emollama_hf import schema
from emollama_hf.console.safe_errors import no_secrets
from emollama_hf.errors import SafeMessage
from emollama_hf.feature_set.parquet_rows import ParquetRows
from emollama_hf.files.atomic_write import atomic_file
from emollama_hf.files.given_path import given_path
from emollama_hf.rows import Rows
from emollama_hf.stages.config import check_choice
from emollama_hf.text.few_of_many import few_and_more

FeatureRows: TypeAlias = Dataset | IterableDataset | ParquetRows

DTYPES = ("float16", "float32")
#: Bytes of rows that are read together.
READ_BYTES = 32_000_000


class ExportError(SafeMessage, ValueError):
    """A data set cannot be written as files of the original layout; the message says what to do."""


@dataclass(frozen=True)
class Exported:
    """files: how many were written. skipped: name of each row that was not, and why (a status, or a null column)."""

    files: int
    skipped: list[tuple[str, str]]


@no_secrets()
def export_npy(
    ds: FeatureRows,
    directory: str | os.PathLike[str],
    *,
    columns: Sequence[str] = (schema.EMOLLAMA,),
    name: str | None = None,
    dtype: str | None = None,
    overwrite: bool = False,
) -> Exported:
    """Write the array of every row to a file of its own, row by row.

    ds: a feature data set, opened, streamed or `ParquetRows`; a stream is read twice, once for the names.
    directory: one column goes to `directory/{name}.npy`, several go to `directory/{column}/{name}.npy`.
    columns: of arrays, such as emollama (L, 4096) or facemae (1024,); written in the shape and type of the column.
    name: the column that names the files; by default `file_name`, without its folders and its ending, else `uuid`.
    dtype: "float16" or "float32", if not the column's. overwrite: replace files that are there.

    Rows whose status is not ok, or whose value is null, are skipped. Each file is written beside its place and renamed.
    Raises, before anything is written: ExportError for columns that are not there or no arrays, names that two rows
    share, that are empty or no file names; FileExistsError for files that are there; NotADirectoryError. And while
    writing: ExportError for a value that is no array or does not fit `dtype`.

        >>> export_npy(load_dataset("features", split="train"), "states").files
        3437

    Source: sricke/Emotion-LLaMA-4MW's extraction, as its README describes what it saves.
    """
    check_choice("dtype", dtype, (None, *DTYPES))
    wanted = list(dict.fromkeys((columns,) if isinstance(columns, str) else columns))
    _check_columns(ds, wanted)
    key = _key(ds, name)
    names = _names(ds, key)
    target = given_path(directory)
    folders = {column: target / column if len(wanted) > 1 else target for column in wanted}
    for folder in (target, *folders.values()):
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(f"{folder} is a file. Choose a directory.")
    if not overwrite:
        _refuse_existing([folder / f"{one}.npy" for folder in folders.values() for one in names])
    files = 0
    skipped: list[tuple[str, str]] = []
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    known = [column for column in (schema.STATUS,) if column in ds.column_names]
    for one, row in zip(names, _rows(ds, [*wanted, *known]), strict=True):
        status = row.get(schema.STATUS) or schema.OK
        if status != schema.OK:
            skipped.append((one, status))
            continue
        for column, folder in folders.items():
            if row[column] is None:
                skipped.append((one, f"{column} is null"))
                continue
            _write(folder / f"{one}.npy", _array(row[column], column, one, dtype))
            files += 1
    return Exported(files, skipped)


def _check_columns(ds: FeatureRows, wanted: list[str]) -> None:
    if ds.features is None:
        raise ExportError("the stream does not say which columns it has. Give it features, or export a Dataset.")
    arrays = [name for name, kind in ds.features.items() if schema.shape_of(kind)]
    strange = [name for name in wanted if name not in arrays]
    if strange or not wanted:
        raise ExportError(
            f"there is no column of arrays {', '.join(map(repr, strange)) or 'named'}; the data set has "
            f"{', '.join(arrays) or 'none'}. Name some of these (--column, columns=)."
        )


def _key(ds: FeatureRows, name: str | None) -> str:
    """The column that names the files."""
    key = name or next((key for key in schema.CLIP_FILE_NAMES if key in ds.column_names), None)
    if key is None or key not in ds.column_names:
        wanted = f"column {name!r}" if name else f"column {' or '.join(schema.CLIP_FILE_NAMES)}"
        raise ExportError(
            f"there is no {wanted} to name the files; the data set has {', '.join(ds.column_names)}. "
            "Name another one (--name, name=)."
        )
    return key


def _names(ds: FeatureRows, key: str) -> list[str]:
    """The name of each row's file, checked: all different, and none leads out of the directory."""
    rows: dict[str, int] = {}
    for number, row in enumerate(_rows(ds, [key])):
        value = "" if row[key] is None else str(row[key])
        name = PurePosixPath(re.split(r"[/\\]", value)[-1]).stem if key == schema.FILE_NAME else value
        if not name.strip() or name in (".", "..") or re.search(r"[/\\\0]", name):
            raise ExportError(
                f"row {number}: {key} is {value!r}, which names no file in a directory. Mend it, or name the files by "
                "another column (--name, name=)."
            )
        if name in rows:
            raise ExportError(
                f"the rows {rows[name]} and {number} would both be {name}.npy. Name the files by a column without "
                "doubles (--name, name=)."
            )
        rows[name] = number
    return list(rows)


def _refuse_existing(paths: list[Path]) -> None:
    there = [path for path in paths if path.exists()]
    if there:
        raise FileExistsError(
            f"{len(there)} files are there already: {few_and_more(there)}. Choose another directory, or overwrite them "
            "(--overwrite, overwrite=True)."
        )


def _rows(ds: FeatureRows, columns: list[str]) -> Iterator[dict[str, Any]]:
    """The rows' values, arrays as numpy arrays; few rows are in memory at a time."""
    width = schema.row_bytes(Features({column: ds.features[column] for column in columns}))
    size = max(1, min(1000, READ_BYTES // max(1, width)))
    if isinstance(ds, ParquetRows):
        tables = ds.tables(columns, size)
    else:
        tables = ds.select_columns(columns).with_format("arrow").iter(batch_size=size)
    for table in tables:
        rows = Rows.from_batch(table)
        for index in range(rows.length):
            yield {column: rows.value(column, index) for column in columns}


def _array(value: Any, column: str, name: str, dtype: str | None) -> np.ndarray:
    if not isinstance(value, np.ndarray):
        raise ExportError(
            f"{name!r}: {column} is no array: its rows differ in length, or hold nulls. Compute this row again, or "
            "remove it."
        )
    if dtype is None:
        return value
    with np.errstate(over="ignore"):
        converted = value.astype(dtype)
    if np.isfinite(value).all() and not np.isfinite(converted).all():
        raise ExportError(
            f"{name!r}: {column} holds {np.abs(value).max():.3g}, which {dtype} cannot (at most "
            f"{np.finfo(dtype).max:.3g}). Leave dtype out."
        )
    return converted


def _write(path: Path, array: np.ndarray) -> None:
    with atomic_file(path, durable=False, shared=True) as file:  # it can be exported again
        np.save(file, array, allow_pickle=False)
