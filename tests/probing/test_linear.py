"""How strongly a fold's logistic regression is regularised."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score

from emollama_hf.probing.linear import GRID, linear_fold


def test_a_small_signal_behind_large_differences_between_people_is_found() -> None:
    """The inner loss rises with the first strengths, and falls below them later."""
    random = np.random.default_rng(4)
    groups = np.repeat(np.arange(30), 20)
    labels = (random.random(600) < (0.15 + 0.4 * random.random(30))[groups]).astype(int)
    of_people = random.normal(size=(8, 64))
    vectors = 2 * random.normal(size=(30, 8))[groups] @ of_people + 0.3 * random.normal(size=(600, 64))
    vectors += np.outer(0.5 * labels, np.linalg.svd(of_people)[2][-1])
    train, test = np.flatnonzero(groups < 24), np.flatnonzero(groups >= 24)
    (fold,) = linear_fold([vectors.astype(np.float32)], [labels], groups, train, test, classes=2, seed=0)
    assert fold is not None
    assert fold.strength >= GRID[-2]
    assert roc_auc_score(labels[test], fold.probabilities[:, 1]) > 0.7
