"""The confidence of each prediction: a column of one number, or the greatest of a column of probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from datasets import Dataset

from emollama_hf.errors import SourceError
from emollama_hf.evaluation.class_column import column_values
from emollama_hf.schema import describe_column, dtype_of, shape_of

#: Columns that hold the confidence of a column of predictions, by the ending of their names; the first is taken.
ENDINGS = ("_confidence", "_probs")
#: A softmax in float32 may end a rounding above 1.
_ROUNDING = 1e-6
#: How far a sum of probabilities may be from 1: 1,000 of float16 add up to less.
_SUM_TOLERANCE = 0.02


@dataclass(frozen=True, eq=False)
class Confidences:
    """Confidences of all rows of a data set.

    Attributes:
        column: that they come from.
        values: (rows,) float64, NaN where a row has none.
        greatest: whether the column holds probabilities of all classes, of which the greatest was taken.
    """

    column: str
    values: np.ndarray
    greatest: bool


def confidence_column(ds: Dataset, prediction: str) -> str | None:
    """The column with the confidences of a column of predictions, by its name; None if the data set has none."""
    return next((prediction + one for one in ENDINGS if prediction + one in ds.column_names), None)


def read_confidences(ds: Dataset, column: str, used: np.ndarray) -> Confidences:
    """Confidences of the rows of a data set.

    Args:
        ds: a data set that has the column.
        column: one number a row, or a list of probabilities a row.
        used: (rows,) bool, the rows that have a prediction; the others are not checked, and NaN.

    Returns:
        The confidences.

    Raises:
        SourceError: a column of another type, NaN, numbers that are not within 0..1, lists that do not add up to 1.
    """
    feature = ds.features[column]
    shape = shape_of(feature)
    if shape is None or len(shape) > 1 or not dtype_of(feature).startswith("float"):
        raise SourceError(
            f"column {column!r} holds {describe_column(feature)}, expected confidences: a number from 0 to 1, or "
            "probabilities of the classes."
        )
    found = np.full(len(ds), np.nan)
    for row, value in enumerate(column_values(ds, column)):
        if value is None or not used[row]:
            continue
        numbers = np.asarray(value, np.float64).reshape(-1)
        if len(numbers):
            found[row] = min(numbers.max(), 1.0) if numbers.max() <= 1 + _ROUNDING else numbers.max()
        fault = _fault(numbers, is_list=bool(shape))
        if fault is not None:
            raise SourceError(
                f"column {column!r}: {fault} in row {row}, expected a number from 0 to 1. Compute the row again, make "
                "it null, or leave the calibration out (--confidence none)."
            )
    return Confidences(column, found, greatest=bool(shape))


def _fault(numbers: np.ndarray, *, is_list: bool) -> str | None:
    if not len(numbers):
        return "an empty list"
    if np.isnan(numbers).any():
        return "NaN"
    if not ((numbers >= 0) & (numbers <= 1 + _ROUNDING)).all():
        return f"{numbers[(numbers < 0) | (numbers > 1 + _ROUNDING)][0]:g}"
    if is_list and abs(numbers.sum() - 1) > _SUM_TOLERANCE:
        return f"probabilities that add up to {numbers.sum():g} and not to 1"
    return None
