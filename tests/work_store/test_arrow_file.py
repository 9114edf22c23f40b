"""Files of a shard: the rows in their order, the hash of the bytes that are on the disk, and no long write."""

from __future__ import annotations

import weakref
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emollama_hf.files.written_file import hashes_of
from emollama_hf.work_store import arrow_file
from emollama_hf.work_store.arrow_file import ArrowFile, RowFile
from emollama_hf.work_store.media_cells import CELL, cells_to_arrow

TYPE = pa.list_(pa.uint8())


def row_file(path: Path) -> RowFile:
    file = ArrowFile(path, pa.schema([("numbers", TYPE)]))
    return RowFile(file, {"numbers": lambda values: pa.array(values, TYPE)}, lambda row: len(row["numbers"]))


def batches(path: Path) -> list[list[Any]]:
    with pa.memory_map(str(path)) as file:
        return [batch.column(0).to_pylist() for batch in pa.ipc.open_stream(file)]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 300), max_size=8), st.integers(1, 400), st.integers(1, 700))
def test_rows_and_hash_are_the_same_in_pieces_of_any_length(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], batch_bytes: int, write_bytes: int
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.arrow"
    rows = [np.random.default_rng(i).integers(0, 256, length, np.uint8) for i, length in enumerate(lengths)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrow_file, "BATCH_BYTES", batch_bytes)
        patch.setattr(arrow_file, "WRITE_BYTES", write_bytes)
        file = row_file(path)
        sizes = [file.add({"numbers": row, "other": "not of this file"}) for row in rows]
        written = file.close()
    assert sizes == lengths
    found = hashes_of(path)
    assert (written.bytes, written.xxh3_128) == (found.bytes, found.xxh3_128)
    assert [row for batch in batches(path) for row in batch] == [row.tolist() for row in rows]


def test_a_long_row_is_alone_and_short_ones_are_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_file, "BATCH_BYTES", 10)
    file = row_file(tmp_path / "rows.arrow")
    for length in (4, 4, 10, 4, 11, 4, 4, 4, 4):
        file.add({"numbers": [length] * length})
    file.close()
    assert [[len(row) for row in batch] for batch in batches(tmp_path / "rows.arrow")] == [
        [4, 4], [10], [4], [11], [4, 4, 4], [4]
    ]  # fmt: skip


@pytest.mark.parametrize("picture", [False, True])
def test_memory_that_a_row_came_in_is_not_held_until_its_batch_is_full(picture: bool, tmp_path: Path) -> None:
    """A few numbers of a clip lie in the mapped memory of all of its crops."""
    file = ArrowFile(tmp_path / "rows.arrow", pa.schema([("value", CELL if picture else TYPE)]))
    column = cells_to_arrow if picture else partial(pa.array, type=TYPE)
    rows = RowFile(file, {"value": column}, lambda row: 3)
    memory = np.array([1, 2, 3], np.uint8)
    gone = weakref.ref(memory)
    rows.add({"value": {"shape": [3], "zstd": pa.py_buffer(memory)} if picture else memory[:]})
    del memory
    assert gone() is None
    rows.close()
    [[value]] = batches(tmp_path / "rows.arrow")
    assert value == ({"shape": [3], "zstd": b"\x01\x02\x03"} if picture else [1, 2, 3])


class Noting:
    """A file that notes how many bytes each write has."""

    def __init__(self, file: Any) -> None:
        self._file, self.lengths = file, list[int]()

    def write(self, piece: memoryview) -> int:
        self.lengths.append(len(piece))
        return int(self._file.write(piece))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def test_no_write_is_long_enough_for_pages_of_2_mb(tmp_path: Path) -> None:
    file = ArrowFile(tmp_path / "rows.arrow", pa.schema([("numbers", TYPE)]))
    file._file = noting = Noting(file._file)  # type: ignore[assignment]
    file.write_batch([pa.array([np.zeros(3_000_000, np.uint8)], TYPE)])
    written = file.close()
    assert max(noting.lengths) == arrow_file.WRITE_BYTES < 2**21
    assert sum(noting.lengths) == written.bytes == (tmp_path / "rows.arrow").stat().st_size > 3_000_000
