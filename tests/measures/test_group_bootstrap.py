"""The bootstrap is the one that a loop over resampled rows computes, deterministic, paired, and wide enough."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from emollama_hf.measures import group_bootstrap
from emollama_hf.measures.group_bootstrap import intervals, paired_differences, resampled_scores
from emollama_hf.measures.predictions import Predictions
from emollama_hf.measures.scores import METRICS, scores
from tests.measures.test_scores import predictions

NAMES = tuple(METRICS)


def drawn(rows: int, seed: int, *, groups: int, signal: float = 0.4, between: float = 0.0) -> Predictions:
    """Two classes; the positive one has probabilities higher by `signal`, and groups differ in how hard they are."""
    random = np.random.default_rng(seed)
    group = random.integers(0, groups, rows)
    truth = random.integers(0, 2, rows)
    hard = random.normal(0, between, groups)[group] if between else 0.0
    score = 1 / (1 + np.exp(-(random.normal(0, 1, rows) + (signal + hard) * (2 * truth - 1))))
    return Predictions(truth, (score > 0.5).astype(int), np.stack([1 - score, score], 1), group, ("no", "yes"), 1)


@given(predictions())
@settings(max_examples=30)
def test_a_resample_is_the_rows_of_its_groups(one: Predictions) -> None:
    found = resampled_scores(one, NAMES, resamples=7, seed=3)
    count, numbers = one.group_numbers
    [times] = group_bootstrap._drawn_groups(count, 7, 3)
    for number in range(7):
        rows = np.concatenate([np.flatnonzero(numbers == g) for g in np.repeat(np.arange(count), times[number])])
        assert one.probabilities is not None
        of_set = Predictions(
            one.truth[rows], one.predicted[rows], one.probabilities[rows], one.groups[rows], one.classes, one.positive
        )
        expected = scores(of_set, NAMES)
        for name in NAMES:
            np.testing.assert_allclose(found.samples[name][number], expected[name], rtol=0, atol=1e-12, err_msg=name)


def test_each_group_is_drawn_as_often_on_average_and_blocks_go_on() -> None:
    times = np.concatenate(list(group_bootstrap._drawn_groups(5, 2050, 0)))
    assert times.shape == (2050, 5)
    assert (times.sum(1) == 5).all()
    np.testing.assert_allclose(times.mean(0), 1, atol=0.1)
    assert len(np.unique(times[:100], axis=0)) > 20
    assert not np.array_equal(times[:100], times[100:200])


def test_a_seed_decides_the_intervals() -> None:
    one = drawn(300, 1, groups=20)
    assert intervals(one, NAMES, resamples=150, seed=5) == intervals(one, NAMES, resamples=150, seed=5)
    other = intervals(one, NAMES, resamples=150, seed=6)
    assert other["f1"] != intervals(one, NAMES, resamples=150, seed=5)["f1"]
    assert other["f1"].value == scores(one, ["f1"])["f1"]


def test_names_of_groups_do_not_matter() -> None:
    one = drawn(200, 2, groups=10)
    renamed = Predictions(one.truth, one.predicted, one.probabilities, one.groups * 7 - 3, one.classes, one.positive)
    assert intervals(one, NAMES, resamples=50) == intervals(renamed, NAMES, resamples=50)


def test_intervals_hold_the_value_and_widen_with_groups_that_differ() -> None:
    one = drawn(600, 3, groups=12, between=1.0)
    of_groups = intervals(one, ["accuracy"])["accuracy"]
    assert of_groups.low < of_groups.value < of_groups.high
    rows = Predictions(one.truth, one.predicted, one.probabilities, np.arange(600), one.classes, one.positive)
    of_rows = intervals(rows, ["accuracy"])["accuracy"]
    assert of_groups.high - of_groups.low > 1.5 * (of_rows.high - of_rows.low)


def test_ninety_five_percent_of_intervals_hold_the_truth() -> None:
    """Accuracy of independent rows: Phi(0.4) = 0.6554; 200 sets, of which 95 % are 190."""
    held = 0
    for seed in range(200):
        found = intervals(drawn(400, seed, groups=40), ["accuracy"], resamples=300, seed=seed)["accuracy"]
        held += found.low <= 0.655422 <= found.high
    assert 178 <= held <= 198, held


def test_intervals_over_ten_groups_are_too_narrow() -> None:
    """Percentiles over few groups: about 88 % of 95 % intervals hold the truth, which `evaluate` says."""
    held = 0
    for seed in range(200):
        found = intervals(drawn(400, seed, groups=10), ["accuracy"], resamples=300, seed=seed)["accuracy"]
        held += found.low <= 0.655422 <= found.high
    assert 164 <= held <= 188, held


def test_one_group_has_no_interval() -> None:
    found = intervals(drawn(50, 0, groups=1), ["accuracy", "auc_roc"])
    assert 0 < found["accuracy"].value < 1
    assert np.isnan([found["accuracy"].low, found["auc_roc"].high]).all()


def test_resamples_without_a_value_are_left_out_and_too_many_leave_no_interval() -> None:
    group = np.arange(8)
    truth = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    one = Predictions(truth, truth, None, group, ("a", "b"), 1)
    assert not np.isnan(intervals(one, ["f1"])["f1"].low)  # both positive groups are absent from 10 % of the resamples
    truth = np.array([0, 0, 0, 0, 0, 0, 0, 1])
    one = Predictions(truth, truth, None, group, ("a", "b"), 1)
    assert np.isnan(intervals(one, ["f1"])["f1"].low)  # the one positive group is absent from 34 % of them
    assert not np.isnan(intervals(one, ["accuracy"])["accuracy"].low)
    none = np.zeros(0, np.int64)
    assert np.isnan(intervals(Predictions(none, none, None, none, ("a", "b"), 1), ["f1"])["f1"].high)


def test_a_difference_is_of_the_same_groups_on_both_sides() -> None:
    good, bad = drawn(400, 4, groups=40, signal=1.5), drawn(400, 4, groups=40, signal=0.0)
    found = paired_differences(good, bad, NAMES, resamples=400)
    back = paired_differences(bad, good, NAMES, resamples=400)
    for name in NAMES:
        assert found[name].low < found[name].value < found[name].high
        assert found[name].value == -back[name].value
        assert (found[name].low, found[name].p) == pytest.approx((-back[name].high, back[name].p))
    assert found["auc_roc"].low > 0
    assert found["auc_roc"].p == pytest.approx(2 / 401)
    same = paired_differences(good, good, ["f1"])["f1"]
    assert (same.value, same.low, same.high, same.p) == (0, 0, 0, 1)


def test_differences_of_equally_good_predictions_are_seldom_significant() -> None:
    p = [
        paired_differences(
            one := drawn(200, seed, groups=20),
            Predictions(one.truth, one.truth[::-1], None, one.groups, one.classes, 1),
            ["accuracy"], resamples=200,
        )["accuracy"].p
        for seed in range(40)
    ]  # fmt: skip
    assert min(p) < 0.05  # predictions that know nothing are worse
    p = [_of_two_coins(seed) for seed in range(100)]
    assert 0 <= sum(one < 0.05 for one in p) <= 12, sorted(p)


def _of_two_coins(seed: int) -> float:
    random = np.random.default_rng(seed)
    truth, group = random.integers(0, 2, 200), np.arange(200) // 5
    sides = [Predictions(truth, random.integers(0, 2, 200), None, group, ("a", "b"), 1) for _ in range(2)]
    return paired_differences(sides[0], sides[1], ["accuracy"], resamples=300)["accuracy"].p


def test_sides_that_cannot_be_compared_are_refused() -> None:
    one = drawn(100, 0, groups=10)
    with pytest.raises(ValueError, match="Compare the same rows"):
        paired_differences(one, drawn(100, 1, groups=10), ["f1"])
    with pytest.raises(ValueError, match="resample both alike"):
        resampled_scores(one, ["f1"], resamples=20).differences(resampled_scores(one, ["f1"], resamples=30))
    with pytest.raises(ValueError, match="resamples=0"):
        resampled_scores(one, ["f1"], resamples=0)


def test_parts_of_one_set_are_resampled_together() -> None:
    """Of a person who is drawn, the rows of both parts are: what people have in common cancels in their difference."""
    random = np.random.default_rng(0)
    groups, half = np.repeat(np.arange(30), 20), np.tile([0, 1], 300)
    truth = np.tile([0, 0, 1, 1], 150)
    right = random.random(600) < np.linspace(0.2, 0.95, 30)[groups]
    predicted = np.where(right, truth, 1 - truth)
    parts = [
        resampled_scores(
            Predictions(truth[rows], predicted[rows], None, groups[rows], ("a", "b"), 1), ["accuracy"],
            resamples=400, drawn_from=groups,
        ).samples["accuracy"]
        for rows in (half == 0, half == 1)
    ]  # fmt: skip
    assert np.corrcoef(parts)[0, 1] > 0.7
    draws = np.random.default_rng(0).integers(0, 30, (100, 30))  # the draws of the first hundred sets
    of_group = [np.flatnonzero((groups == group) & (half == 1)) for group in range(30)]
    expected = [right[np.concatenate([of_group[group] for group in drawn])].mean() for drawn in draws]
    assert parts[1][:100] == pytest.approx(expected)
