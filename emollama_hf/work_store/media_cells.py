"""Stacks of pictures as cells of an Arrow column, compressed without loss: face crops take half their size."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Image

from emollama_hf import schema
from emollama_hf.work_store.arrow_columns import nulls, to_arrow

CELL = pa.struct([("shape", pa.list_(pa.int32())), ("zstd", pa.large_binary())])
_CODEC = pa.Codec("zstd", compression_level=3)


def to_cell(value: Any) -> dict[str, Any]:
    """A PIL image or an array of uint8, any shape, as a value of a column of type `CELL`.

    Returns:
        shape: of the array. zstd: a buffer, which travels beside a pickle where bytes would be copied into it.
    """
    pixels = np.ascontiguousarray(value)
    if pixels.dtype != np.uint8:
        raise TypeError(f"pictures are stored as uint8, got {pixels.dtype}")
    return {"shape": list(pixels.shape), "zstd": _CODEC.compress(pixels)}


def with_cells(columns: Mapping[str, Any], features: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a row, pictures as cells. features: types of the columns."""
    return {
        name: to_cell(value) if value is not None and schema.is_picture(features[name]) else value
        for name, value in columns.items()
    }


def cells_to_arrow(cells: Sequence[Mapping[str, Any]]) -> pa.Array:
    """Values that `to_cell` gave, as a column of type `CELL`; a single one without a copy."""
    # pa.array of pyarrow 26 never lets go of a memoryview that it is given, nor of the memory below it; so the column's
    # buffers are put together here (tests/work_store/test_media_cells.py).
    ends = np.cumsum([0, *(memoryview(cell["zstd"]).nbytes for cell in cells)], dtype=np.int64)
    joined = pa.py_buffer(cells[0]["zstd"] if len(cells) == 1 else b"".join(cell["zstd"] for cell in cells))
    content = pa.Array.from_buffers(pa.large_binary(), len(cells), [None, pa.py_buffer(ends), joined])
    shapes = pa.array([cell["shape"] for cell in cells], CELL.field("shape").type)
    return pa.StructArray.from_arrays([shapes, content], fields=list(CELL))


def from_cell(cell: dict[str, Any]) -> np.ndarray:
    """The array that `to_cell` was given."""
    shape = tuple(cell["shape"])
    content = _CODEC.decompress(cell["zstd"], decompressed_size=int(np.prod(shape)))
    return np.frombuffer(content, np.uint8).reshape(shape)


def pictures_to_arrow(name: str, values: Sequence[np.ndarray | None], feature: Any) -> pa.Array:
    """A column of pictures as its declared type: stacks as nested lists, single ones as PNG, nothing as null."""
    if isinstance(feature, Image):
        storage = [None if value is None else {"bytes": _png(value), "path": None} for value in values]
        return pa.array(storage, feature.pa_type)
    pieces = [nulls(1, feature) if value is None else to_arrow(name, [value], feature) for value in values]
    return pa.concat_arrays(pieces)


def _png(pixels: np.ndarray) -> bytes:
    import PIL.Image

    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()
