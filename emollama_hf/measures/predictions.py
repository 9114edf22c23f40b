"""Predicted classes beside the true ones: what every measure is computed from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Class number of a row without a prediction: a failed clip, an answer without a label. It counts as wrong.
NO_CLASS = -1


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of a set of rows.

    Attributes:
        truth: (n,) int64 class numbers.
        predicted: (n,) int64 class numbers; `NO_CLASS` where a row has no prediction.
        probabilities: (n, classes) float64 within 0..1, or None where there are none.
        groups: (n,) int64, which group (participant, film) a row belongs to.
        classes: names by class number, two or more.
        positive: class number that "f1", "auc_pr" and "auc_roc" are about; the minority class as a rule.

    Raises:
        ValueError: shapes that do not fit, a class number out of range, a probability that is NaN or not within 0..1.

    Example:
        >>> Predictions([0, 1, 1], [0, 1, 0], None, [0, 0, 1], ("NonMW", "MW"), 1).truth.shape
        (3,)
    """

    truth: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray | None
    groups: np.ndarray
    classes: tuple[str, ...]
    positive: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))
        for name in ("truth", "predicted", "groups"):
            object.__setattr__(self, name, _whole_numbers(name, getattr(self, name)))
        rows = len(self.truth)
        for name in ("predicted", "groups"):
            if len(getattr(self, name)) != rows:
                raise ValueError(f"{name}: {len(getattr(self, name))} values, expected one for each of {rows} rows")
        count = len(self.classes)
        if count < 2 or not 0 <= self.positive < count:
            raise ValueError(f"classes={self.classes!r}, positive={self.positive}: expected two classes or more")
        for name, lowest in (("truth", 0), ("predicted", NO_CLASS)):
            values = getattr(self, name)
            if rows and not (values.min() >= lowest and values.max() < count):
                raise ValueError(f"{name}: expected class numbers from {lowest} to {count - 1}, got {values.min()}"
                                 f" to {values.max()}")  # fmt: skip
        if self.probabilities is not None:
            object.__setattr__(self, "probabilities", _checked_probabilities(self.probabilities, rows, count))

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def group_numbers(self) -> tuple[int, np.ndarray]:
        """How many groups the rows belong to, and (n,) which of these each row belongs to, from 0."""
        found, numbers = np.unique(self.groups, return_inverse=True)
        return len(found), numbers


def minority_class(truth: np.ndarray, classes: int) -> int:
    """Number of the class with the fewest rows, of those that have any; of two with as many rows the later one.

    Args:
        truth: (n,) class numbers.
        classes: how many classes exist.

    Example:
        >>> minority_class(np.array([0, 0, 1]), 2)
        1
    """
    counts = np.bincount(truth, minlength=classes)
    present = np.flatnonzero(counts)
    return int(present[::-1][counts[present][::-1].argmin()]) if len(present) else classes - 1


def _whole_numbers(name: str, values: object) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
        raise ValueError(f"{name}: {array.dtype} of shape {array.shape}, expected whole numbers, one a row")
    return array.astype(np.int64)


def _checked_probabilities(values: object, rows: int, classes: int) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (rows, classes):
        raise ValueError(f"probabilities: shape {array.shape}, expected {(rows, classes)}, one for each row and class")
    odd = ~((array >= 0) & (array <= 1)).all(1)
    if odd.any():
        raise ValueError(
            f"probabilities: NaN or not within 0..1 in {odd.sum()} of {rows} rows, the first of them {odd.argmax()}"
        )
    return array
