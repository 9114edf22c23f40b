"""What facts of a clip alone say of its label: duration, face coverage and whatever else a data set may leak by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from datasets import ClassLabel, Dataset

from emollama_hf import schema
from emollama_hf.probing.options import ProbeOptions
from emollama_hf.probing.probe_error import ProbeError, check_column
from emollama_hf.probing.rows import column_values
from emollama_hf.probing.views import fact_columns

#: Facts that are left out unless they are named: a network of expressions chose the peak frame by looking at the face.
NOT_FREE_OF_THE_FACE = frozenset([schema.PEAK_INDEX])
#: Categories of a column that get a column of their own; the rarer ones share one.
MOST_CATEGORIES = 50


def control_columns(ds: Dataset, options: ProbeOptions) -> tuple[str, ...]:
    """The columns of the control: the facts of a clip that the data set has, and the columns that were named.

    Facts are frame count, frames a second, duration, face coverage and whether the clip has sound; not the number of
    the peak frame, which a network of expressions chose.

    Raises:
        ProbeError: A named column is absent, or is the label, the group or the folds.
    """
    used = {options.label, options.group, options.fold}
    facts = fact_columns() - NOT_FREE_OF_THE_FACE
    found = [
        name
        for name, feature in ds.features.items()
        if name in facts and name not in used and schema.shape_of(feature) == ()
    ]
    for name in options.control:
        check_column(name, ds.column_names, option="control")
        if name in used:
            raise ProbeError(f"control={name!r} is the label, the group or the folds. Name facts of a clip.")
    return tuple(dict.fromkeys([*found, *options.control]))


def control_matrix(ds: Dataset, columns: Sequence[str], rows: np.ndarray) -> np.ndarray:
    """Facts as a matrix (n, D) float64: numbers as they are, categories as a column of zeros and ones each.

    Args:
        ds: The data set.
        columns: As `control_columns` found them.
        rows: (n,) positions in the data set.

    Returns:
        The matrix. An unknown number is NaN, which standardising makes the mean of the training part's known ones, and
        has a column that says that it is unknown.

    Raises:
        ProbeError: A column that is neither of numbers nor of categories.
    """
    parts = [_encoded(ds, name, rows) for name in columns]
    found: np.ndarray = np.concatenate(parts, axis=1).astype(np.float64)
    return found


def _encoded(ds: Dataset, name: str, rows: np.ndarray) -> np.ndarray:
    feature = ds.features[name]
    listed = column_values(ds, name)
    values = [listed[row] for row in rows]
    numeric = schema.shape_of(feature) == () and not isinstance(feature, ClassLabel)
    if numeric and schema.dtype_of(feature) != "bool":
        return _numbers(values)
    kinds = {type(value) for value in values if value is not None}
    if not kinds <= {str, int, bool}:
        raise ProbeError(
            f"control={name!r} holds values of type {', '.join(sorted(kind.__name__ for kind in kinds))}, expected one "
            "number or category a row."
        )
    return _categories(values)


def _numbers(values: Sequence[Any]) -> np.ndarray:
    numbers = np.array([np.nan if value is None else value for value in values], np.float64)
    known = np.isfinite(numbers)
    numbers[~known] = np.nan
    return np.stack([numbers, ~known], axis=1) if not known.all() else numbers[:, None]


def _categories(values: Sequence[Any]) -> np.ndarray:
    common = [value for value, _ in Counter(values).most_common(MOST_CATEGORIES)]
    number = {value: index for index, value in enumerate(common)}
    encoded = np.zeros((len(values), len(common) + 1))
    encoded[np.arange(len(values)), [number.get(value, len(common)) for value in values]] = 1.0
    return encoded
