"""What metrics of counts need of predictions: rows of each class, predictions of it, and how many of these are right.

Three numbers a class, not a confusion matrix: sums over groups, and over groups drawn again and again, are one product
of matrices.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from emollama_hf.measures.predictions import NO_CLASS, Predictions


class Tally(NamedTuple):
    """Counts by class, of one set of rows or of many.

    Attributes:
        truth: (..., classes) float64, rows of the class.
        said: (..., classes) float64, rows for which the class was predicted.
        right: (..., classes) float64, rows of the class for which it was predicted.
    """

    truth: np.ndarray
    said: np.ndarray
    right: np.ndarray


def tally(predictions: Predictions) -> Tally:
    """The counts of all rows.

    Example:
        >>> tally(Predictions([0, 1, 1], [0, 1, -1], None, [0, 0, 0], ("a", "b"), 1)).said.tolist()
        [1.0, 1.0]
    """
    return split(group_counts(predictions, np.zeros(len(predictions), np.int64), 1)[0])


def group_counts(predictions: Predictions, numbers: np.ndarray, groups: int) -> np.ndarray:
    """The counts of each group, whose sums over any groups `split` takes apart.

    Args:
        predictions: n rows.
        numbers: (n,) the group of each row, from 0.
        groups: how many groups exist.

    Returns:
        (groups, 3 * classes) float64, whole numbers.
    """
    classes = len(predictions.classes)
    truth, predicted = predictions.truth, predictions.predicted
    answered, right = predicted != NO_CLASS, predicted == truth
    parts = ((numbers, truth), (numbers[answered], predicted[answered]), (numbers[right], truth[right]))
    counts = [np.bincount(group * classes + of, minlength=groups * classes) for group, of in parts]
    return np.concatenate([one.reshape(groups, classes) for one in counts], axis=1).astype(np.float64)


def split(sums: np.ndarray) -> Tally:
    """Sums of the lines of `group_counts`, (..., 3 * classes), as a tally."""
    return Tally(*np.split(sums, 3, axis=-1))
