"""Metrics of a ranking by probability, of one set or of many resampled sets at once.

    probabilities of the positive class ─► rows sorted once ─► weights (n, sets) ─► cumulative sums ─► (sets,)

A resampled set is the same rows with other weights (how often a group was drawn), so that nothing is sorted again.
NaN where a set has no row, or nothing but rows, of the positive class. Equal to scikit-learn's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from emollama_hf.measures.predictions import Predictions


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows in falling order of the probability of the positive class.

    Attributes:
        order: (n,) row numbers.
        positive: (n,) bool in this order, whether a row is of the positive class.
        ends: (distinct probabilities,) position of the last row of each probability.
    """

    order: np.ndarray
    positive: np.ndarray
    ends: np.ndarray

    @cached_property
    def positives(self) -> np.ndarray:
        """Positions of the rows of the positive class."""
        return np.flatnonzero(self.positive)

    @cached_property
    def negatives(self) -> np.ndarray:
        """Positions of the other rows."""
        return np.flatnonzero(~self.positive)

    def above(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights of the positive and of the other rows down to each distinct probability, itself included.

        Args:
            weights: (n, sets) float64 in the order of the ranking; sets last, so that rows are copied as a whole.

        Returns:
            Two arrays (distinct probabilities, sets) float64.
        """
        found = []
        for rows in (self.positives, self.negatives):
            sums = np.zeros((len(rows) + 1, weights.shape[1]))
            np.cumsum(weights[rows], axis=0, out=sums[1:])
            found.append(sums[np.searchsorted(rows, self.ends, side="right")])
        return found[0], found[1]


def ranking(predictions: Predictions) -> Ranking | None:
    """The ranking of predictions by the probability of their positive class; None if they have no probabilities."""
    if predictions.probabilities is None:
        return None
    score = predictions.probabilities[:, predictions.positive]
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1) if len(score) else np.zeros(0, np.int64)
    return Ranking(order, predictions.truth[order] == predictions.positive, last)


def auc_roc(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Area under the receiver operating characteristic: how often a positive row ranks above another; ties half.

    Args:
        positive, negative: (distinct probabilities, sets) as `Ranking.above` computes them.

    Returns:
        (sets,) float64.
    """
    before = np.zeros_like(positive)
    before[1:] = positive[:-1]
    area = np.einsum("ij,ij->j", np.diff(negative, axis=0, prepend=0), (before + positive) / 2)
    return _where_both(positive, negative, area / _at_least_one(positive[-1] * negative[-1]))


def auc_pr(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Average precision: mean precision at each positive row, the step-wise area under the precision-recall curve.

    Args:
        positive, negative: (distinct probabilities, sets) as `Ranking.above` computes them.

    Returns:
        (sets,) float64.
    """
    precision = positive / _at_least_one(positive + negative)
    area = np.einsum("ij,ij->j", np.diff(positive, axis=0, prepend=0), precision)
    return _where_both(positive, negative, area / _at_least_one(positive[-1]))


RANK_METRICS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {"auc_pr": auc_pr, "auc_roc": auc_roc}


def _where_both(positive: np.ndarray, negative: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.where((positive[-1] > 0) & (negative[-1] > 0), values, np.nan)


def _at_least_one(weights: np.ndarray) -> np.ndarray:
    """Weights are whole numbers: 1 stands for 0, whose quotient is replaced or multiplied by 0."""
    return np.maximum(weights, 1)
