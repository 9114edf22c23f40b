"""Metrics of counts by class, of one set of rows or of many resampled sets at once.

    Tally of (..., classes) ─► (...)      a row without a prediction is in no count of predictions, and so wrong

A metric is NaN where it is undefined. Equal to scikit-learn's where that is defined, with the difference that a row
without a prediction is wrong and no class of its own ("f1_macro").
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from emollama_hf.measures.tally import Tally


def accuracy(counts: Tally, positive: int) -> np.ndarray:
    """Share of rows whose class was predicted."""
    return _divided(counts.right.sum(-1), counts.truth.sum(-1))


def f1(counts: Tally, positive: int) -> np.ndarray:
    """F1 of the positive class; NaN where the truth has one class alone."""
    return np.where(_several_classes(counts), _class_f1(counts)[..., positive], np.nan)


def f1_weighted(counts: Tally, positive: int) -> np.ndarray:
    """Mean F1 of the classes, weighted with their rows in the truth: the measure of MER2023."""
    return _divided((np.nan_to_num(_class_f1(counts)) * counts.truth).sum(-1), counts.truth.sum(-1))


def f1_macro(counts: Tally, positive: int) -> np.ndarray:
    """Mean F1 of the classes that are a truth or a prediction of some row."""
    return _mean_of_known(_class_f1(counts))


def balanced_accuracy(counts: Tally, positive: int) -> np.ndarray:
    """Mean recall of the classes in the truth; NaN where that is one class alone."""
    recall = _divided(counts.right, counts.truth)
    return np.where(_several_classes(counts), _mean_of_known(recall), np.nan)


def kappa(counts: Tally, positive: int) -> np.ndarray:
    """Cohen's kappa: agreement beyond chance; NaN where the truth has one class alone."""
    total = counts.truth.sum(-1)
    observed = _divided(counts.right.sum(-1), total)
    expected = _divided((counts.truth * counts.said).sum(-1), total**2)
    return np.where(_several_classes(counts), _divided(observed - expected, 1 - expected), np.nan)


COUNT_METRICS: dict[str, Callable[[Tally, int], np.ndarray]] = {
    "f1": f1,
    "balanced_accuracy": balanced_accuracy,
    "kappa": kappa,
    "accuracy": accuracy,
    "f1_weighted": f1_weighted,
    "f1_macro": f1_macro,
}


def _class_f1(counts: Tally) -> np.ndarray:
    """(..., classes) F1; NaN of classes that are neither a truth nor a prediction."""
    return _divided(2 * counts.right, counts.truth + counts.said)


def _several_classes(counts: Tally) -> np.ndarray:
    return (counts.truth > 0).sum(-1) > 1


def _mean_of_known(values: np.ndarray) -> np.ndarray:
    return _divided(np.nan_to_num(values).sum(-1), (~np.isnan(values)).sum(-1))


def _divided(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, NaN where whole is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole == 0, np.nan, np.asarray(part, np.float64) / whole)
