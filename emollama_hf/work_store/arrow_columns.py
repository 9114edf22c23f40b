"""Numbers of a stage as Arrow arrays of the declared feature types; those of a single row without a copy.

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


def to_arrow(name: str, values: Sequence[Any], feature: Any, arrow_type: pa.DataType | None = None) -> pa.Array:
    """One column, a value a row, as an array of the feature's Arrow type.

    Args:
        name: of the column, for errors.
        values: numbers or arrays of the declared shape, text or bytes; None for a row without a value.
        feature: the declared type.
        arrow_type: that of the feature, if the caller has it: to find it takes longer than to convert a row.

    Returns:
        The column. Of one value it holds the memory of the array that was given; of several, copies side by side.

    Raises:
        ValueError: a value has another shape than declared.
    """
    if arrow_type is None:
        arrow_type = Features({name: feature}).arrow_schema.field(name).type
    shape = schema.shape_of(feature)
    if shape is None:
        return pa.array(list(values), arrow_type)
    arrays = schema.arrays_of(name, values, feature)
    found = [array for array in arrays if array is not None]
    column = _of_any_length(found, shape, arrow_type)
    if len(found) == len(arrays):
        return column
    numbers = iter(range(len(found)))
    indices = [None if array is None else next(numbers) for array in arrays]
    return _taken(column, pa.array(indices, pa.int64()), arrow_type)


def _taken(array: pa.Array, indices: pa.Array, arrow_type: pa.DataType) -> pa.Array:
    if isinstance(arrow_type, pa.ExtensionType):
        return pa.ExtensionArray.from_storage(arrow_type, array.storage.take(indices))
    return array.take(indices)


def _of_any_length(values: Sequence[np.ndarray], shape: Sequence[int], arrow_type: pa.DataType) -> pa.Array:
    """Arrays of which some sides, -1 in `shape`, differ in length: one flat buffer, and where each row begins."""
    if not values:
        return pa.array([], arrow_type) if not isinstance(arrow_type, pa.ExtensionType) else _empty(arrow_type)
    if -1 not in shape:
        return _dense(values[0][np.newaxis] if len(values) == 1 else np.stack(values), arrow_type)
    if shape[0] != -1:
        inner = _of_any_length([part for value in values for part in value], shape[1:], arrow_type.value_type)
        return pa.FixedSizeListArray.from_arrays(inner, type=arrow_type)
    offsets = pa.array(np.cumsum([0, *map(len, values)]), pa.int32())
    if -1 in shape[1:]:
        inner = _of_any_length([part for value in values for part in value], shape[1:], arrow_type.value_type)
    else:
        inner = _dense(values[0] if len(values) == 1 else np.concatenate(values), arrow_type.value_type)
    return pa.ListArray.from_arrays(offsets, inner, type=arrow_type)


def _empty(arrow_type: pa.ExtensionType) -> pa.Array:
    return pa.ExtensionArray.from_storage(arrow_type, pa.array([], arrow_type.storage_type))


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
