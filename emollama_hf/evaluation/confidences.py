"""The confidence of each prediction: a column of one number, or the greatest of a column of probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from datasets import Dataset

from emollama_hf.errors import SourceError
from emollama_hf.evaluation.class_column import column_values
from emollama_hf.schema import describe_column, dtype_of, shape_of
from emollama_hf.text.plural import counted, listed

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
    values = column_values(ds, column)
    rows = [row for row, value in enumerate(values) if value is not None and used[row]]
    widths = {len(values[row]) for row in rows} if shape else {1}
    if len(widths) > 1 or 0 in widths:
        raise SourceError(
            f"column {column!r} holds lists of {listed([str(one) for one in sorted(widths)])} numbers, expected "
            "probabilities of the same classes in every row."
        )
    numbers = np.array([values[row] for row in rows], np.float64).reshape(len(rows), -1 if rows else 1)
    _check(column, numbers, rows, is_list=bool(shape))
    found = np.full(len(ds), np.nan)
    found[rows] = np.minimum(numbers.max(1), 1)
    return Confidences(column, found, greatest=bool(shape))


def _check(column: str, numbers: np.ndarray, rows: list[int], *, is_list: bool) -> None:
    """Raise SourceError for the first row whose numbers, of (rows, classes), are no confidence."""
    sums = numbers.sum(1)
    inside = np.all((numbers >= 0) & (numbers <= 1 + _ROUNDING), axis=1)
    fits = np.abs(sums - 1) <= _SUM_TOLERANCE if is_list else np.ones(len(rows), bool)
    faulty = np.logical_not(inside & fits)
    if not faulty.any():
        return
    first = int(faulty.argmax())
    if np.isnan(sums[first]):
        fault = "NaN"
    elif inside[first]:
        fault = f"probabilities that add up to {sums[first]:g} and not to 1"
    else:
        outside = numbers[first][(numbers[first] < 0) | (numbers[first] > 1 + _ROUNDING)]
        fault = f"{outside[0]:g}"
    raise SourceError(
        f"column {column!r}: {fault} in row {rows[first]}, {counted(int(faulty.sum()), 'row')} in all; expected "
        "a number from 0 to 1. Compute these rows again, make them null, or leave the calibration out (--confidence "
        "none)."
    )
