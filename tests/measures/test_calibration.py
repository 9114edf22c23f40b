"""Bins, calibration error and Brier score: equal to scikit-learn's, and to what follows by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from emollama_hf.measures.calibration import brier_score, calibration


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), st.integers(1, 12))
def test_bins_are_those_of_scikit_learn(rows: list[tuple[float, bool]], bins: int) -> None:
    confidences, right = np.array([one for one, _ in rows]), np.array([one for _, one in rows])
    found = calibration(confidences, right, bins=bins)
    accuracy, confidence = calibration_curve(right, confidences, n_bins=bins)
    filled = [one for one in found.bins if one.count]
    np.testing.assert_allclose([one.accuracy for one in filled], accuracy, atol=1e-12)
    np.testing.assert_allclose([one.confidence for one in filled], confidence, atol=1e-12)
    assert sum(one.count for one in found.bins) == found.count == len(rows)
    assert found.brier == pytest.approx(brier_score_loss(right, confidences, pos_label=True), abs=1e-12)


def test_by_hand() -> None:
    found = calibration(np.array([0.0, 0.95, 0.85, 1.0]), np.array([False, True, False, True]), bins=10)
    assert [one.count for one in found.bins] == [1, 0, 0, 0, 0, 0, 0, 0, 1, 2]
    assert found.expected_error == pytest.approx((0 + 0.85 + 2 * 0.025) / 4)
    assert (found.confidence, found.accuracy) == (pytest.approx(0.7), 0.5)
    assert np.isnan(found.bins[1].accuracy)


def test_confidences_that_come_true_have_a_small_error() -> None:
    random = np.random.default_rng(0)
    confidences = random.random(50_000)
    found = calibration(confidences, random.random(50_000) < confidences)
    assert found.expected_error < 0.01
    assert calibration(confidences, np.zeros(50_000, bool)).expected_error == pytest.approx(0.5, abs=0.01)


@given(st.integers(2, 4), st.integers(1, 30), st.integers(0, 99))
def test_brier_score_of_classes(classes: int, rows: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.ones(classes), rows)
    truth = random.integers(0, classes, rows)
    expected = ((probabilities - np.eye(classes)[truth]) ** 2).sum(1).mean()
    assert brier_score(probabilities, truth) == pytest.approx(expected, abs=1e-12)


def test_what_is_no_confidence_is_an_error() -> None:
    for values in ([np.nan, 0.5], [1.5, 0.5], [-0.1, 0.5]):
        with pytest.raises(ValueError, match=r"not within 0\.\.1"):
            calibration(np.array(values), np.array([True, False]))
    with pytest.raises(ValueError, match="one of each for every row"):
        calibration(np.array([0.5]), np.array([True, False]))
    with pytest.raises(ValueError, match="probabilities: NaN"):
        brier_score(np.array([[np.nan, 1]]), np.array([0]))
    with pytest.raises(ValueError, match="bins=0"):
        calibration(np.array([0.5]), np.array([True]), bins=0)
    assert np.isnan(calibration(np.zeros(0), np.zeros(0, bool)).brier)
