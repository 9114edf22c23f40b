"""Numbers of a stage as Arrow arrays of the declared feature types, without a copy of the numbers.

`datasets` reads them as it reads its own. Its writer goes through Python lists and type inference; building the
offsets ourselves writes hidden states as fast as `np.save` does (`benchmarks/storage.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Features

from emollama_hf import schema


def to_arrow(name: str, values: Sequence[Any], feature: Any) -> pa.Array:
    """One column, a value a row, as an array of the feature's Arrow type.

    values: numbers or arrays of the declared shape, no None among them; text or bytes as Python objects.
    Raises ValueError if a value has another shape than declared.
    """
    arrow_type = Features({name: feature}).arrow_schema.field(name).type
    shape = schema.shape_of(feature)
    if shape is None:
        return pa.array(list(values), arrow_type)
    dense = schema.column(name, values, feature)
    if -1 in shape and all(value is not None for value in dense):
        return _of_any_length(list(dense), arrow_type)
    if not isinstance(dense, np.ndarray):
        raise ValueError(f"column {name!r}: a value is None where a computed row was expected")
    return _dense(dense, arrow_type)


def _of_any_length(values: Sequence[np.ndarray], arrow_type: pa.DataType) -> pa.Array:
    """Arrays whose first side differs, the others not: one flat buffer, and where each row begins."""
    if not values:
        return pa.array([], arrow_type)
    offsets = pa.array(np.cumsum([0, *map(len, values)]), pa.int32())
    return pa.ListArray.from_arrays(offsets, _dense(np.concatenate(values), arrow_type.value_type), type=arrow_type)


def _dense(values: np.ndarray, arrow_type: pa.DataType) -> pa.Array:
    """(rows, *shape) numbers as nested lists of `arrow_type`: one flat buffer and the offsets of each level."""
    if isinstance(arrow_type, pa.ExtensionType):
        return pa.ExtensionArray.from_storage(arrow_type, _dense(values, arrow_type.storage_type))
    if values.ndim == 1:
        return pa.array(values, arrow_type)
    flat = pa.array(np.ascontiguousarray(values).reshape(-1))
    return _nested(flat, values.shape, arrow_type)


def _nested(flat: pa.Array, shape: tuple[int, ...], arrow_type: pa.DataType) -> pa.Array:
    rows, width, *_ = shape
    if len(shape) > 2:
        flat = _nested(flat, (rows * width, *shape[2:]), arrow_type.value_type)
    if pa.types.is_fixed_size_list(arrow_type):
        return pa.FixedSizeListArray.from_arrays(flat, type=arrow_type)
    offsets = pa.array(np.arange(0, rows * width + 1, width, dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, flat, type=arrow_type)


def nulls(rows: int, feature: Any) -> pa.Array:
    """`rows` nulls of the feature's Arrow type."""
    arrow_type = Features({"column": feature}).arrow_schema.field("column").type
    if isinstance(arrow_type, pa.ExtensionType):
        return pa.ExtensionArray.from_storage(arrow_type, pa.nulls(rows, arrow_type.storage_type))
    return pa.nulls(rows, arrow_type)
