"""Metrics of predictions by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from emollama_hf.measures.confusion import confusion_counts
from emollama_hf.measures.count_metrics import COUNT_METRICS
from emollama_hf.measures.predictions import Predictions
from emollama_hf.measures.rank_metrics import RANK_METRICS, ranking

__all__ = ["METRICS", "Predictions", "check_metrics", "scores"]


def _of_counts(name: str, predictions: Predictions) -> float:
    return float(COUNT_METRICS[name](confusion_counts(predictions), predictions.positive))


def _of_ranking(name: str, predictions: Predictions) -> float:
    ranked = ranking(predictions)
    if ranked is None or len(predictions) == 0:
        return float("nan")
    return float(RANK_METRICS[name](*ranked.above(np.ones((len(predictions), 1))))[0])


#: Each metric of predictions; NaN where it is undefined (one class in the truth, no probabilities).
METRICS: dict[str, Callable[[Predictions], float]] = {
    name: partial(_of_counts if name in COUNT_METRICS else _of_ranking, name)
    for name in ("f1", "auc_pr", "auc_roc", "balanced_accuracy", "kappa", "accuracy", "f1_weighted", "f1_macro")
}


def scores(predictions: Predictions, names: Sequence[str]) -> dict[str, float]:
    """Metrics of predictions.

    Args:
        predictions: of any number of rows.
        names: of `METRICS`.

    Returns:
        A value for each name, in this order; NaN where a metric is undefined.

    Raises:
        ValueError: an unknown metric.

    Example:
        >>> scores(Predictions([0, 1, 1], [0, 1, 0], None, [0, 0, 0], ("NonMW", "MW"), 1), ["accuracy", "f1"])
        {'accuracy': 0.6666666666666666, 'f1': 0.6666666666666666}
    """
    check_metrics(names)
    return {name: METRICS[name](predictions) for name in names}


def check_metrics(names: Sequence[str]) -> None:
    """Raise ValueError, with the known metrics, if a name is none of them."""
    unknown = [name for name in names if name not in METRICS]
    if unknown:
        raise ValueError(f"metrics {', '.join(map(repr, unknown))} are unknown. Valid: {', '.join(METRICS)}.")
