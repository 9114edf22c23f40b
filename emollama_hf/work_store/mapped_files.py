"""Columns in the order of one data set, as an Arrow file to be mapped: made of the shards where these cannot be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
from datasets import Dataset, DatasetInfo, Features
from datasets.table import MemoryMappedTable

from emollama_hf.files.atomic_write import atomic_path
from emollama_hf.files.digest import hash_file
from emollama_hf.files.small_file import KEY_BYTES, OddFileError, read_small
from emollama_hf.files.written_file import xxh3_of
from emollama_hf.work_store.work_store import words_for_people


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
    notes = [(note, hashed) for note, hashed in _notes(path) if note.is_file()]
    if not path.is_file() or not notes:
        return False
    try:
        return all(hashed(path).encode() == read_small(note, at_most=KEY_BYTES) for note, hashed in notes)
    except OddFileError:
        return False


def _notes(path: Path) -> list[tuple[Path, Callable[[Path], str]]]:
    """Beside the file, what it hashed to when it was written, and how; earlier versions noted the sha256."""
    return [(path.with_suffix(".xxh3_128"), xxh3_of), (path.with_suffix(".sha256"), hash_file)]


def _write(path: Path, features: Features, tables: Iterator[pa.Table]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path, shared=True) as partial:
        with pa.OSFile(str(partial), "wb") as file, pa.ipc.new_stream(file, features.arrow_schema) as stream:
            for table in tables:
                stream.write_table(table.combine_chunks())
        digest = xxh3_of(partial)
        for note, _ in _notes(path):
            note.unlink(missing_ok=True)  # the note comes last: without it the file counts for nothing
    _notes(path)[0][0].write_text(digest)
