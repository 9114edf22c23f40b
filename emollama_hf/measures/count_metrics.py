"""Metrics of confusion counts, of one set or of many resampled sets at once.

    counts (..., classes, classes + 1) ─► (...)      the last column: rows without a prediction, which are wrong

A metric is NaN where it is undefined. Equal to scikit-learn's where that is defined, with the difference that a row
without a prediction is wrong and no class of its own ("f1_macro").
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def accuracy(counts: np.ndarray, positive: int) -> np.ndarray:
    """Share of rows whose class was predicted."""
    return _divided(_right(counts).sum(-1), counts.sum((-2, -1)))


def f1(counts: np.ndarray, positive: int) -> np.ndarray:
    """F1 of the positive class; NaN where the truth has one class alone."""
    return np.where(_several_classes(counts), _class_f1(counts)[..., positive], np.nan)


def f1_weighted(counts: np.ndarray, positive: int) -> np.ndarray:
    """Mean F1 of the classes, weighted with their rows in the truth: the measure of MER2023."""
    of_class = counts.sum(-1)
    return _divided((np.nan_to_num(_class_f1(counts)) * of_class).sum(-1), of_class.sum(-1))


def f1_macro(counts: np.ndarray, positive: int) -> np.ndarray:
    """Mean F1 of the classes that are a truth or a prediction of some row."""
    each = _class_f1(counts)
    return _divided(np.nan_to_num(each).sum(-1), (~np.isnan(each)).sum(-1))


def balanced_accuracy(counts: np.ndarray, positive: int) -> np.ndarray:
    """Mean recall of the classes in the truth; NaN where that is one class alone."""
    recall = _divided(_right(counts), counts.sum(-1))
    mean = _divided(np.nan_to_num(recall).sum(-1), (~np.isnan(recall)).sum(-1))
    return np.where(_several_classes(counts), mean, np.nan)


def kappa(counts: np.ndarray, positive: int) -> np.ndarray:
    """Cohen's kappa: agreement beyond chance; NaN where the truth has one class alone."""
    total = counts.sum((-2, -1))
    observed = _divided(_right(counts).sum(-1), total)
    expected = _divided((counts.sum(-1) * counts[..., :-1].sum(-2)).sum(-1), total.astype(np.float64) ** 2)
    return np.where(_several_classes(counts), _divided(observed - expected, 1 - expected), np.nan)


COUNT_METRICS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "f1": f1,
    "balanced_accuracy": balanced_accuracy,
    "kappa": kappa,
    "accuracy": accuracy,
    "f1_weighted": f1_weighted,
    "f1_macro": f1_macro,
}


def _right(counts: np.ndarray) -> np.ndarray:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _class_f1(counts: np.ndarray) -> np.ndarray:
    """(..., classes) F1; NaN of classes that are neither a truth nor a prediction."""
    return _divided(2 * _right(counts), counts.sum(-1) + counts[..., :-1].sum(-2))


def _several_classes(counts: np.ndarray) -> np.ndarray:
    return (counts.sum(-1) > 0).sum(-1) > 1


def _divided(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, NaN where whole is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole == 0, np.nan, np.asarray(part, np.float64) / whole)
