"""Logistic regression on the vectors of a fold, with a regularisation chosen on an inner split by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emollama_hf.probing.class_balance import balanced_loss
from emollama_hf.probing.folds import inner_split
from emollama_hf.probing.logistic import LogisticFits
from emollama_hf.probing.standardising import side_by_side

#: Strengths that are tried, scikit-learn's C, the most regularised first.
GRID = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
#: At a loss this many times that of equal probabilities, less regularised fits are no longer tried.
HOPELESS = 1.5
#: The strength where no inner split is possible.
FALLBACK = 1e-3


@dataclass(frozen=True)
class LinearFold:
    """probabilities: (test rows, classes). strength: the chosen C. chosen: whether an inner split chose it."""

    probabilities: np.ndarray
    strength: float
    chosen: bool


def linear_fold(
    matrices: Sequence[np.ndarray],
    labelings: Sequence[np.ndarray],
    groups: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    *,
    classes: int,
    seed: int,
) -> list[LinearFold | None]:
    """Fit the training part of a fold and predict its test part, once for each labeling.

    Args:
        matrices: (n, D) of each part of the view.
        labelings: (n,) class numbers, the true ones and permuted ones: what depends on the vectors alone is computed
            once for all of them.
        groups: (n,) groups, by which the inner split divides.
        train: Positions of the training rows.
        test: Positions of the test rows.
        classes: How many there are.
        seed: Of the inner split.

    Returns:
        A fit for each labeling; None where its training part lacks a class.
    """
    from threadpoolctl import threadpool_limits

    # Each product is of a few million numbers: with more threads, half the time goes to waiting (measured).
    with threadpool_limits(1, user_api="blas"):
        vectors = side_by_side(matrices, train)
        fits = LogisticFits(vectors[train], classes=classes)
        return [
            _fitted(fits, vectors[test], labels[train], groups[train], classes=classes, seed=seed)
            for labels in labelings
        ]


def _fitted(
    fits: LogisticFits, test: np.ndarray, labels: np.ndarray, groups: np.ndarray, *, classes: int, seed: int
) -> LinearFold | None:
    if len(np.unique(labels)) < classes:
        return None
    split = inner_split(labels, groups, seed=seed)
    strength = FALLBACK
    if split is not None:
        losses: list[float] = []
        for one in GRID:
            fit = fits.fit(labels, one, split.fit)
            losses.append(balanced_loss(fits.probabilities(fit, split.held), labels[split.held]))
            # A loss that rises may still fall: large differences between people hide a small signal at first.
            if losses[-1] > HOPELESS * np.log(classes):
                break
        strength = GRID[int(np.argmin(losses))]
    return LinearFold(fits.fit(labels, strength).probabilities(test), strength, split is not None)
