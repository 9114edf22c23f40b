"""Every metric is scikit-learn's, with ties, without predictions, and of one class alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from emollama_hf.measures.predictions import NO_CLASS, Predictions, minority_class
from emollama_hf.measures.scores import METRICS, scores

COUNTED = ("f1", "balanced_accuracy", "kappa", "accuracy", "f1_weighted", "f1_macro")


@st.composite
def predictions(draw: st.DrawFn, lowest: int = NO_CLASS) -> Predictions:
    """Rows of a few classes, of which some may be absent, with many ties of probabilities."""
    classes, rows = draw(st.integers(2, 4)), draw(st.integers(1, 40))
    truth = draw(st.lists(st.integers(0, classes - 1), min_size=rows, max_size=rows))
    predicted = draw(st.lists(st.integers(lowest, classes - 1), min_size=rows, max_size=rows))
    steps = draw(st.lists(st.integers(0, 5), min_size=rows, max_size=rows))
    groups = draw(st.lists(st.integers(0, 5), min_size=rows, max_size=rows))
    positive = draw(st.integers(0, classes - 1))
    probabilities = np.full((rows, classes), 0.1)
    probabilities[:, positive] = np.array(steps) / 5
    names = tuple("abcd"[:classes])
    return Predictions(np.array(truth), np.array(predicted), probabilities, np.array(groups), names, positive)


def of_sklearn(one: Predictions) -> dict[str, float]:
    truth, predicted, positive = one.truth, one.predicted, one.positive
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        several = len(set(truth)) > 1
        labels = sorted({*truth, *predicted} - {NO_CLASS})

        def f1(**options: object) -> float:
            return float(metrics.f1_score(truth, predicted, zero_division=0, **options))

        found: dict[str, Callable[[], float]] = {
            "accuracy": lambda: metrics.accuracy_score(truth, predicted),
            "f1_weighted": lambda: f1(labels=labels, average="weighted"),
            "f1_macro": lambda: f1(labels=labels, average="macro"),
        }
        if several:
            # A class that nobody is and nobody predicted has no F1; scikit-learn calls it 0.
            present = positive in labels
            found["f1"] = lambda: f1(labels=[positive], average="macro") if present else float("nan")
            found["balanced_accuracy"] = lambda: metrics.balanced_accuracy_score(truth, predicted)
            found["kappa"] = lambda: metrics.cohen_kappa_score(truth, predicted)
        if one.probabilities is not None and len(set(truth == positive)) == 2:
            score = one.probabilities[:, positive]
            found["auc_roc"] = lambda: metrics.roc_auc_score(truth == positive, score)
            found["auc_pr"] = lambda: metrics.average_precision_score(truth == positive, score)
        return {name: float(found[name]()) if name in found else float("nan") for name in METRICS}


@given(predictions())
def test_metrics_are_those_of_scikit_learn(one: Predictions) -> None:
    expected = of_sklearn(one)
    found = scores(one, tuple(METRICS))
    assert list(found) == list(METRICS)
    for name in METRICS:
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-12, err_msg=name)


@given(predictions(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(one: Predictions, random: np.random.RandomState) -> None:
    order = list(range(len(one)))
    random.shuffle(order)
    assert one.probabilities is not None
    other = Predictions(
        one.truth[order], one.predicted[order], one.probabilities[order], one.groups[order], one.classes, one.positive
    )
    first, second = (scores(of, tuple(METRICS)) for of in (one, other))
    np.testing.assert_allclose(list(second.values()), list(first.values()), rtol=0, atol=1e-12)


def test_one_class_has_no_score_that_compares_classes() -> None:
    one = Predictions(np.array([1, 1]), np.array([1, 0]), np.full((2, 2), 0.5), np.array([0, 1]), ("a", "b"), 1)
    found = scores(one, tuple(METRICS))
    assert {name for name, value in found.items() if np.isnan(value)} == {
        "f1", "auc_pr", "auc_roc", "balanced_accuracy", "kappa",
    }  # fmt: skip
    assert found["accuracy"] == 0.5


def test_no_rows_have_no_score() -> None:
    none = np.zeros(0, np.int64)
    assert all(np.isnan(list(scores(Predictions(none, none, None, none, ("a", "b"), 1), tuple(METRICS)).values())))


def test_without_probabilities_there_is_no_area() -> None:
    one = Predictions(np.array([0, 1]), np.array([0, 1]), None, np.array([0, 1]), ("a", "b"), 1)
    found = scores(one, ("auc_pr", "auc_roc", "f1"))
    assert np.isnan([found["auc_pr"], found["auc_roc"]]).all()
    assert found["f1"] == 1


def test_a_row_without_a_prediction_is_wrong_and_no_class() -> None:
    one = Predictions(np.array([0, 1, 1]), np.array([0, 1, NO_CLASS]), None, np.array([0, 1, 2]), ("a", "b"), 1)
    found = scores(one, ("accuracy", "f1_macro", "f1"))
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["f1"] == pytest.approx(2 / 3)
    assert found["f1_macro"] == pytest.approx((1 + 2 / 3) / 2)


def test_what_does_not_fit_is_an_error() -> None:
    zeros = np.zeros(2, np.int64)
    for arguments, message in (
        (([0, 2], zeros, None, zeros), "truth: expected class numbers from 0 to 1, got 0 to 2"),
        ((zeros, [-2, 0], None, zeros), "predicted: expected class numbers from -1"),
        ((zeros, [0], None, zeros), "predicted: 1 values, expected one for each of 2 rows"),
        ((zeros, [0.5, 0], None, zeros), "predicted: float64"),
        ((zeros, zeros, [[0.5, np.nan], [1, 0]], zeros), "NaN or not within 0..1 in 1 of 2 rows"),
        ((zeros, zeros, [[0.5], [1]], zeros), r"shape \(2, 1\), expected \(2, 2\)"),
    ):
        with pytest.raises(ValueError, match=message):
            Predictions(*arguments, ("a", "b"), 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="two classes or more"):
        Predictions(zeros, zeros, None, zeros, ("a",), 0)
    with pytest.raises(ValueError, match=r"'f2' are unknown. Valid: f1, auc_pr"):
        scores(Predictions(zeros, zeros, None, zeros, ("a", "b"), 1), ["f2"])


def test_the_minority_class_has_rows() -> None:
    assert minority_class(np.array([0, 0, 1, 2, 2]), 3) == 1
    assert minority_class(np.array([0, 0, 2]), 3) == 2
    assert minority_class(np.array([0, 1]), 2) == 1
