"""Whether confidences are the share of right predictions: bins of a reliability diagram, calibration error, Brier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BINS = 10


@dataclass(frozen=True)
class ReliabilityBin:
    """Predictions of about one confidence.

    Attributes:
        low, high: ends of the bin; a confidence of `high` belongs to it, and of the first bin `low` as well.
        count: rows in it.
        confidence: their mean confidence, NaN without rows.
        accuracy: share of them whose prediction is right, NaN without rows.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """How confidences of predictions compare with the share of right predictions.

    Attributes:
        bins: of equal width from 0 to 1.
        count: rows with a confidence.
        expected_error: expected calibration error, mean distance of confidence and accuracy of the bins, weighted with
            their rows. Small sets have one above 0 even with perfect confidences.
        brier: mean squared distance of the confidence and whether the prediction is right.
        confidence, accuracy: means over all rows.
    """

    bins: tuple[ReliabilityBin, ...]
    count: int
    expected_error: float
    brier: float
    confidence: float
    accuracy: float


def calibration(confidences: np.ndarray, right: np.ndarray, *, bins: int = BINS) -> Calibration:
    """Calibration of the confidences of predictions.

    Args:
        confidences: (n,) float, the probability of the predicted class, within 0..1.
        right: (n,) bool, whether the prediction is right.
        bins: how many of equal width.

    Returns:
        Bins and means; NaN for no rows.

    Raises:
        ValueError: a confidence that is NaN or not within 0..1, or another number of rows on both sides.

    Example:
        >>> calibration(np.array([0.9, 0.9, 0.6]), np.array([True, True, False])).expected_error
        0.26666666666666666
    """
    values, hits = np.asarray(confidences, np.float64), np.asarray(right, np.float64)
    if values.shape != hits.shape or values.ndim != 1:
        raise ValueError(f"confidences {values.shape} and right {hits.shape}: expected one of each for every row")
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("confidences: NaN or not within 0..1")
    if bins < 1:
        raise ValueError(f"bins={bins}: expected 1 or more")
    edges = np.linspace(0, 1, bins + 1)
    numbers = np.clip(np.searchsorted(edges, values, side="left") - 1, 0, bins - 1)
    counts = np.bincount(numbers, minlength=bins)
    confidence, accuracy = (np.bincount(numbers, weights=one, minlength=bins) for one in (values, hits))
    ends = edges.round(12)  # 0.3, where the edge is 0.30000000000000004
    found = tuple(
        ReliabilityBin(float(ends[k]), float(ends[k + 1]), int(n), _mean(confidence[k], n), _mean(accuracy[k], n))
        for k, n in enumerate(counts)
    )
    rows = len(values)
    return Calibration(
        bins=found,
        count=rows,
        expected_error=_mean(np.abs(confidence - accuracy).sum(), rows),
        brier=_mean(((values - hits) ** 2).sum(), rows),
        confidence=_mean(confidence.sum(), rows),
        accuracy=_mean(accuracy.sum(), rows),
    )


def brier_score(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Brier score of probabilities of all classes: mean sum of squared distances, from 0 to 2.

    Args:
        probabilities: (n, classes) float.
        truth: (n,) class numbers.

    Returns:
        The score; NaN for no rows. Of two classes, it is twice the score of one class's probability.

    Raises:
        ValueError: a probability that is NaN.
    """
    distances = np.array(probabilities, np.float64)
    if np.isnan(distances).any():
        raise ValueError("probabilities: NaN")
    distances[np.arange(len(truth)), truth] -= 1
    return _mean((distances**2).sum(), len(truth))


def _mean(total: float, count: int) -> float:
    return float(total / count) if count else float("nan")
