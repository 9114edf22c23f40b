"""Pictures as cells: they come back as they were, and nothing is kept of what they were made of."""

from __future__ import annotations

import weakref

import numpy as np
import pyarrow as pa
import pytest

from emollama_hf.work_store.media_cells import CELL, cells_to_arrow, from_cell, to_cell


@pytest.mark.parametrize("count", [0, 1, 3])
def test_stacks_come_back(count: int) -> None:
    rng = np.random.default_rng(count)
    stacks = [rng.integers(0, 9, (2 + i, 5, 4, 3), np.uint8) for i in range(count)]
    column = cells_to_arrow([to_cell(stack) for stack in stacks])
    column.validate(full=True)
    assert column.type == CELL
    assert column.null_count == 0
    found = [from_cell(cell) for cell in column.to_pylist()]
    assert all(np.array_equal(a, b) for a, b in zip(found, stacks, strict=True))


@pytest.mark.parametrize("wrapped", [bytes, pa.py_buffer, memoryview])
def test_a_column_is_the_same_whatever_holds_its_bytes(wrapped: type) -> None:
    cell = to_cell(np.arange(60, dtype=np.uint8).reshape(1, 4, 5, 3))
    other = {**cell, "zstd": wrapped(bytes(cell["zstd"]))}
    assert cells_to_arrow([other, cell]).equals(cells_to_arrow([cell, cell]))


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("wrapped", [pa.py_buffer, memoryview])
def test_the_memory_that_cells_came_in_is_let_go_of_with_the_column(wrapped: type, count: int) -> None:
    memory = np.zeros(1000, np.uint8)  # as readers send it, a mapped file
    gone = weakref.ref(memory)
    cells = [{"shape": [1], "zstd": wrapped(memory)}] * count  # type: ignore[call-arg]
    column = cells_to_arrow(cells)
    at = column.field("zstd").buffers()[2].address
    assert (at == memory.ctypes.data) is (count == 1), "a single one is not copied"
    del memory, cells
    assert (gone() is None) is (count > 1)
    batch = pa.record_batch([column], names=["crops"])
    del column, batch
    assert gone() is None
