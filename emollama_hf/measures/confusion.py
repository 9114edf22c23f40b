"""Which class was predicted for rows of which class: counts, and what they say of each class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emollama_hf.measures.predictions import Predictions


@dataclass(frozen=True)
class ClassScores:
    """One class of a set of predictions; a rate is NaN where it divides by no rows.

    Attributes:
        name: of the class.
        count: rows of this class.
        predicted: rows for which this class was predicted.
        precision: share of the predictions of this class that are right.
        recall: share of the rows of this class that were predicted as such.
        f1: harmonic mean of both; NaN where the class is neither a truth nor a prediction.
    """

    name: str
    count: int
    predicted: int
    precision: float
    recall: float
    f1: float


def confusion_counts(predictions: Predictions) -> np.ndarray:
    """Counts of rows by true and predicted class.

    Returns:
        (classes, classes + 1) int64: a row for each true class, a column for each predicted class, and the last
        column for rows without a prediction.

    Example:
        >>> confusion_counts(Predictions([0, 1, 1], [0, 1, -1], None, [0, 0, 0], ("a", "b"), 1)).tolist()
        [[1, 0, 0], [0, 1, 1]]
    """
    count = len(predictions.classes)
    return np.bincount(confusion_cells(predictions), minlength=count * (count + 1)).reshape(count, count + 1)


def confusion_cells(predictions: Predictions) -> np.ndarray:
    """(n,) the cell of the flattened `confusion_counts` that each row is counted in."""
    count = len(predictions.classes)
    columns = np.where(predictions.predicted < 0, count, predictions.predicted)
    return predictions.truth * (count + 1) + columns


def class_scores(counts: np.ndarray, classes: tuple[str, ...]) -> tuple[ClassScores, ...]:
    """Precision, recall, F1 and count of each class.

    Args:
        counts: (classes, classes + 1 or more) as `confusion_counts` computes them; further columns are no class.
        classes: their names.
    """
    right, of_class, said = np.diagonal(counts), counts.sum(1), counts[:, : len(classes)].sum(0)
    return tuple(
        ClassScores(
            name,
            count=int(of_class[number]),
            predicted=int(said[number]),
            precision=_share(right[number], said[number]),
            recall=_share(right[number], of_class[number]),
            f1=_share(2 * right[number], said[number] + of_class[number]),
        )
        for number, name in enumerate(classes)
    )


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else float("nan")
