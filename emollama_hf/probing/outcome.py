"""What a view predicts of the rows while they are in a test part."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emollama_hf.measures.predictions import Predictions
from emollama_hf.probing.rows import ProbeRows


@dataclass(frozen=True)
class Outcome:
    """Out-of-fold predictions of one view.

    Attributes:
        view: Its name; "chance" and "control" are no views of feature columns.
        model: What predicted: "logistic regression", "BiLSTM", "finetuned", or "constant".
        shape: Of one row, in words: "1024", "309 x 4096".
        probabilities: (n, classes) float64.
        predicted: (n,) int64, the class of the highest probability; `NO_CLASS` for an answer that names no class.
        by_seed: (seeds, n, classes), the predictions of each network whose mean they are; None of one fit.
        permuted: For each permutation its labels (n,) and the predictions of classifiers trained on them.
        choices: JSON-able, what was chosen on inner splits: strength or epochs of each fold.
    """

    view: str
    model: str
    shape: str
    probabilities: np.ndarray
    predicted: np.ndarray
    by_seed: np.ndarray | None = None
    permuted: tuple[tuple[np.ndarray, np.ndarray], ...] = ()
    choices: dict[str, Any] = field(default_factory=dict)

    def predictions(self, rows: ProbeRows) -> Predictions:
        """As the measures take them."""
        return predictions_of(rows, self.probabilities, predicted=self.predicted)


def predictions_of(
    rows: ProbeRows,
    probabilities: np.ndarray,
    *,
    predicted: np.ndarray | None = None,
    truth: np.ndarray | None = None,
    among: np.ndarray | None = None,
) -> Predictions:
    """Predictions of rows as the measures take them.

    Args:
        rows: The probed rows.
        probabilities: (n, classes).
        predicted: (n,) class numbers; None for those of the highest probabilities.
        truth: (n,) class numbers in place of the true ones, such as permuted labels.
        among: Positions of the rows that count; None for all of them.
    """
    labels = rows.labels
    said = probabilities.argmax(axis=1) if predicted is None else predicted
    chosen = np.arange(len(rows)) if among is None else among
    return Predictions(
        truth=(labels.numbers if truth is None else truth)[chosen],
        predicted=said[chosen],
        probabilities=np.clip(probabilities[chosen], 0.0, 1.0),
        groups=rows.groups[chosen],
        classes=labels.classes,
        positive=labels.positive,
    )


def chance_outcome(rows: ProbeRows, name: str) -> Outcome:
    """What somebody reaches who sees no feature: always the positive class, with probability 1.

    Of all answers without knowledge, this one has the highest F1; AUC-PR and AUC-ROC are the same for each of them.
    """
    predicted = np.full(len(rows), rows.labels.positive, np.int64)
    return Outcome(name, "constant", "", np.eye(len(rows.labels.classes))[predicted], predicted)
