"""Logistic regression finds what scikit-learn's finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emollama_hf.probing.logistic import LogisticFits
from emollama_hf.probing.standardising import side_by_side


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(12, 80), width=st.integers(1, 60), classes=st.integers(2, 4),
    strength=st.sampled_from([1e-4, 1e-2, 1.0]), seed=st.integers(0, 1000),
)  # fmt: skip
def test_predictions_are_those_of_scikit_learn(rows: int, width: int, classes: int, strength: float, seed: int) -> None:
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), random.integers(0, classes, rows - classes)])
    vectors = random.normal(size=(rows, width)) + labels[:, None] * random.normal(size=width)
    vectors = side_by_side([vectors], np.arange(rows))
    chosen = np.sort(
        np.concatenate([np.arange(classes), classes + np.flatnonzero(random.random(rows - classes) < 0.8)])
    )
    found = LogisticFits(vectors, classes=classes).fit(labels, strength, chosen)
    expected = LogisticRegression(C=strength, class_weight="balanced", tol=1e-8, max_iter=5000)
    expected.fit(vectors[chosen].astype(np.float64), labels[chosen])
    assert found.probabilities(vectors) == pytest.approx(expected.predict_proba(vectors), abs=2e-3)


def test_more_features_than_rows_are_fitted_in_the_space_of_the_rows() -> None:
    random = np.random.default_rng(0)
    vectors, labels = random.normal(size=(30, 300)).astype(np.float32), np.arange(30) % 2
    fits = LogisticFits(vectors, classes=2)
    assert fits.fit(labels, 0.1).weights.shape == (300, 1)
    assert (fits.fit(labels, 0.1).probabilities(vectors).argmax(axis=1) == labels).all()


def test_the_test_part_decides_no_mean_and_no_spread() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(3, 2, size=(50, 5))
    train = np.arange(40)
    before = side_by_side([vectors], train)[train]
    vectors[40:] = 1e6
    assert (side_by_side([vectors], train)[train] == before).all()
    assert np.abs(before.mean(axis=0)).max() < 1e-5
