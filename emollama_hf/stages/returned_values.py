"""Whether what a stage returned is what it declares: rows that are dicts, columns by name, values that fit their type.

A value that does not fit would be cut off, rounded or turned into another one where it is stored, without a word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import ClassLabel, Features, Image, LargeList, List, Value
from numpy.typing import NDArray

from emollama_hf import schema
from emollama_hf.errors import PluginError
from emollama_hf.stages.column import Column
from emollama_hf.stages.known_stages import described
from emollama_hf.stages.step import Step


def check_results(stage: Step, results: object, rows: int) -> Sequence[Any]:
    """The results of one call of `compute`, one a row.

    Args:
        stage: returned them.
        results: what `compute` returned.
        rows: how many it was given.

    Raises:
        PluginError: they are no list, or more or fewer than the rows.
    """
    if not isinstance(results, Sequence) or isinstance(results, str | bytes):
        raise PluginError(
            f"{described(type(stage))} returned {type(results).__name__} from compute, expected a list: for each row a "
            "dict of its columns, or a ClipError."
        )
    if len(results) != rows:
        raise PluginError(f"{described(type(stage))} returned {len(results)} results for {rows} rows.")
    return results


def check_row(stage: Step, declared: Mapping[str, Column], outcome: object, label: str) -> None:
    """Raise PluginError unless a stage returned the columns that it declares, each in its shape and type.

    Arrays of the declared number type are not looked at value by value. NaN and infinity are values of a float column.

    Args:
        stage: returned the row.
        declared: its `outputs()`.
        outcome: the row, which is no ClipError.
        label: what people call the row.
    """
    if not isinstance(outcome, Mapping):
        raise PluginError(
            f"{described(type(stage))} returned {type(outcome).__name__} in the position of {label}, expected a dict "
            f"of the columns {', '.join(declared)}, or a ClipError."
        )
    if set(outcome) != set(declared):
        raise PluginError(
            f"{described(type(stage))} returned the columns {', '.join(map(str, outcome)) or '(none)'}; its outputs() "
            f"declare {', '.join(declared)}."
        )
    for name, value in outcome.items():
        column = declared[name]
        if value is None:
            _check_null(stage, name, column, label)
            continue
        try:
            fault = _fault(value, column)
        except Exception as error:  # an object that calls itself an array, a list of which no array can be made
            fault = f"{type(value).__name__}, which cannot be read ({type(error).__name__}: {error})"
        if fault:
            raise PluginError(
                f"column {name!r}, {label}: the stage computed {fault}, declared is {_declared(column, fault)}. "
                f"This is a defect of {described(type(stage))}, not of the data."
            )


def _check_null(stage: Step, name: str, column: Column, label: str) -> None:
    is_picture = schema.is_picture(column.feature)
    if column.optional or (column.shape is None and not is_picture):
        return
    raise PluginError(
        f"{described(type(stage))} returned no {'picture' if is_picture else 'value'} in the column {name!r}, {label}. "
        "Raise ClipError for a row that cannot be computed, or declare the column with optional=True."
    )


def _fault(value: Any, column: Column) -> str:
    """What is wrong with a value, after "the stage computed"; "" if nothing is."""
    shape, feature = column.shape, column.feature
    if shape is not None:
        array = value if isinstance(value, np.ndarray) else np.asarray(value)
        if not schema.fits(array.shape, shape):
            return f"the shape {array.shape}"
        return _number_fault(array, np.dtype(schema.dtype_of(feature)), value)
    if isinstance(feature, Image):
        return "" if _is_picture(value) else f"{type(value).__name__}, which is no picture"
    if isinstance(feature, Value) and feature.dtype == "string" and isinstance(value, str) and value.isascii():
        return ""
    labels = _labels(feature)
    if labels is not None:
        return _label_fault(value, labels)
    return _text_fault(value, feature)


def _number_fault(array: NDArray[Any], dtype: np.dtype[Any], value: Any) -> str:
    if array.dtype == dtype:
        return ""
    if array.dtype.kind not in "biuf":
        kind = type(value).__name__ if array.dtype == object or not array.shape else str(array.dtype)
        return f"{kind}, which is no number of that type"
    if np.can_cast(array.dtype, dtype, "safe"):
        return ""
    with np.errstate(all="ignore"):
        cast = array.astype(dtype)
    if dtype.kind != "f":
        changed = cast != array
    elif np.isinf(cast).any():  # a float is rounded; it must not become infinite
        changed = np.isinf(cast) & np.isfinite(array)
    else:
        return ""
    return f"{array[changed].flat[0].item()!r}, which {dtype} cannot hold" if changed.any() else ""


def _is_picture(value: Any) -> bool:
    import PIL.Image

    return isinstance(value, PIL.Image.Image | np.ndarray | Mapping | str | bytes | PathLike)


def _labels(feature: Any) -> int | None:
    """How many labels there are to choose from, in a column of labels or of lists of them."""
    while isinstance(feature, List | LargeList):
        feature = feature.feature
    return len(feature.names) if isinstance(feature, ClassLabel) else None


def _label_fault(value: Any, labels: int) -> str:
    """-1 stands for no label, as in `datasets`."""
    array = np.asarray(value)
    if array.size and array.dtype.kind not in "iu":
        return f"{type(value).__name__}, which is no number of a label"
    wrong = array[(array < -1) | (array >= labels)]
    return f"{wrong.flat[0].item()!r}, which is none of its {labels} labels" if wrong.size else ""


def _text_fault(value: Any, feature: Any) -> str:
    """A text, bytes, a date, or a list of them, as Arrow takes it; other features are not looked at."""
    leaf = feature
    while isinstance(leaf, List | LargeList):
        leaf = leaf.feature
    if not isinstance(leaf, Value):
        return ""
    try:
        pa.array([value], Features({"value": feature}).arrow_schema.field("value").type)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        return f"{type(value).__name__}, which does not fit ({str(error).splitlines()[0] if str(error) else error!r})"
    return ""


def _declared(column: Column, fault: str) -> str:
    return str(column.shape) if fault.startswith("the shape") else schema.describe_column(column.feature)
