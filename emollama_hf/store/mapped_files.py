"""Columns in the order of one data set, as an Arrow file to be mapped: made of the shards where these cannot be."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
from datasets import Dataset, DatasetInfo, Features
from datasets.table import MemoryMappedTable

from emollama_hf.digest import hash_file, remember, sha256_file
from emollama_hf.store.work_store import words_for_people


def mapped_dataset(
    root: Path, name: str, digest: str, features: Features, tables: Callable[[], Iterator[pa.Table]]
) -> Dataset:
    """The rows of `tables` as a data set in a file of the store at `root`, written if it is not there yet.

    name: what the columns are. digest: of all that the rows hang on. Files of other digests stay: earlier results of
    `extract` open them again when they are sent to another process.
    """
    path = root / "mapped" / f"{name}-{digest}.arrow"
    with words_for_people(root):
        if not _is_intact(path):
            _write(path, features, tables())
    table = MemoryMappedTable.from_file(str(path))
    return Dataset(table, info=DatasetInfo(features=features), fingerprint=digest)


def _is_intact(path: Path) -> bool:
    return path.is_file() and _note(path).is_file() and sha256_file(path) == _note(path).read_text()


def _note(path: Path) -> Path:
    """Beside the file, what it hashed to when it was written."""
    return path.with_suffix(".sha256")


def _write(path: Path, features: Features, tables: Iterator[pa.Table]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        with pa.OSFile(str(part), "wb") as file, pa.ipc.new_stream(file, features.arrow_schema) as stream:
            for table in tables:
                stream.write_table(table.combine_chunks())
        sha256 = hash_file(part)
        _note(path).unlink(missing_ok=True)  # the note comes last: without it the file counts for nothing
        part.replace(path)
        remember(path, sha256)
        _note(path).write_text(sha256)
    finally:
        part.unlink(missing_ok=True)
