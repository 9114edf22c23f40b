"""Intervals and differences of metrics by a bootstrap over groups: groups are drawn with replacement, not rows.

    groups (participants) ─► drawn (resamples, groups) times ─► tallies and weights of each resampled set ─► metrics

Rows of a participant resemble each other, so that an interval over rows would be too narrow. All resamples are
computed with matrix products and cumulative sums, none by a call of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from emollama_hf.measures.count_metrics import COUNT_METRICS
from emollama_hf.measures.predictions import Predictions
from emollama_hf.measures.rank_metrics import RANK_METRICS, ranking
from emollama_hf.measures.scores import check_metrics, scores
from emollama_hf.measures.tally import group_counts, split

RESAMPLES = 2000
LEVEL = 0.95
#: Resamples computed together; bounds the memory, and decides no result.
_TOGETHER = 100
#: Share of resamples that must have a value. A class that a single group has is absent from 37 % of them: the others
#: would tell how that group varies in number, not how groups differ.
_KNOWN_SHARE = 0.75


@dataclass(frozen=True)
class Interval:
    """A metric with its interval.

    Attributes:
        value: of all rows.
        low, high: ends of the interval; NaN with fewer than two groups, or where over a quarter of the resamples have
            no value, since a class is in one group alone.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """A metric of one column of predictions less the same metric of another.

    Attributes:
        value: of all rows.
        low, high: ends of the interval, as for `Interval`.
        p: two-sided, from the distribution of the resampled differences; NaN where the interval is.
    """

    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, eq=False)
class ResampledScores:
    """Metrics of all rows and of each resampled set.

    Attributes:
        values: by metric, of all rows.
        samples: by metric, (resamples,) float64; NaN where a resampled set has no value.
        groups: how many groups were drawn from.
    """

    values: Mapping[str, float]
    samples: Mapping[str, np.ndarray]
    groups: int

    def intervals(self, level: float = LEVEL) -> dict[str, Interval]:
        """The interval of each metric: percentiles of the resampled values."""
        return {
            name: Interval(value, *_percentiles(self.samples[name], level, self.groups))
            for name, value in self.values.items()
        }

    def differences(self, other: ResampledScores, level: float = LEVEL) -> dict[str, Difference]:
        """These metrics less those of other predictions of the same rows, with the same groups drawn on both sides.

        Raises:
            ValueError: `other` has other metrics, resamples or groups.
        """
        same = self.values.keys() == other.values.keys() and self.groups == other.groups
        if not same or any(len(self.samples[name]) != len(other.samples[name]) for name in self.values):
            raise ValueError("the two sides have other metrics, groups or numbers of resamples: resample both alike.")
        found = {}
        for name, value in self.values.items():
            samples = self.samples[name] - other.samples[name]
            low, high = _percentiles(samples, level, self.groups)
            found[name] = Difference(value - other.values[name], low, high, _two_sided(samples, low))
        return found


def resampled_scores(
    predictions: Predictions,
    names: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    drawn_from: np.ndarray | None = None,
) -> ResampledScores:
    """Metrics of predictions and of `resamples` sets of groups drawn with replacement.

    Args:
        predictions: n rows of g groups.
        names: of `METRICS`.
        resamples: how many sets are drawn.
        seed: of the draw; the same seed and number of groups draw the same groups.
        drawn_from: groups that are drawn, of which some may have none of these rows; None for the groups of the rows.
            Parts of one set of rows, each drawn from all of its groups, are resampled together.

    Returns:
        Values and samples, from which intervals and differences follow.

    Raises:
        ValueError: an unknown metric, or fewer than one resample.

    Example:
        >>> resampled_scores(predictions, ["f1"]).samples["f1"].shape
        (2000,)
    """
    check_metrics(names)
    if resamples < 1:
        raise ValueError(f"resamples={resamples}: expected 1 or more")
    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for part in _samples(predictions, names, resamples, seed, drawn_from):
        for name, values in part.items():
            found[name].append(values)
    empty = np.full(resamples, np.nan)
    samples = {name: np.concatenate(values) if values else empty for name, values in found.items()}
    return ResampledScores(scores(predictions, names), samples, predictions.group_numbers[0])


def intervals(
    predictions: Predictions,
    names: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> dict[str, Interval]:
    """Metrics of predictions with their percentile intervals over groups.

    Args:
        predictions: n rows of g groups.
        names: of `METRICS`.
        resamples, seed: as for `resampled_scores`.
        level: share of the resampled values within the interval.

    Returns:
        An interval for each name.

    Raises:
        ValueError: an unknown metric, or fewer than one resample.
    """
    return resampled_scores(predictions, names, resamples=resamples, seed=seed).intervals(level)


def paired_differences(
    a: Predictions,
    b: Predictions,
    names: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> dict[str, Difference]:
    """Metrics of `a` less those of `b`, with the same groups drawn on both sides.

    Args:
        a, b: predictions of the same rows in the same order.
        names: of `METRICS`.
        resamples, seed: as for `resampled_scores`.
        level: share of the resampled differences within the interval.

    Returns:
        A difference for each name; `holm` adjusts their p-values where several are looked at.

    Raises:
        ValueError: an unknown metric, or predictions of other rows (truth or groups differ).
    """
    if not (np.array_equal(a.truth, b.truth) and np.array_equal(a.groups, b.groups)):
        raise ValueError("a and b are predictions of other rows: their truth or groups differ. Compare the same rows.")
    left, right = (resampled_scores(one, names, resamples=resamples, seed=seed) for one in (a, b))
    return left.differences(right, level)


def _drawn_groups(count: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each group is drawn, (sets, groups) int64 at a time."""
    random = np.random.default_rng(seed)
    for start in range(0, resamples if count else 0, _TOGETHER):
        sets = min(_TOGETHER, resamples - start)
        drawn = random.integers(0, count, (sets, count)) + np.arange(sets)[:, None] * count
        yield np.bincount(drawn.ravel(), minlength=sets * count).reshape(sets, count)


def _samples(
    predictions: Predictions, names: Sequence[str], resamples: int, seed: int, drawn_from: np.ndarray | None
) -> Iterator[dict[str, np.ndarray]]:
    """The metrics of resampled sets, (sets,) each, some sets at a time."""
    count, numbers = predictions.group_numbers
    if drawn_from is not None:
        known = np.unique(drawn_from)
        count, numbers = len(known), np.searchsorted(known, predictions.groups)
    counts = group_counts(predictions, numbers, count)
    ranks = ranking(predictions) if any(name in RANK_METRICS for name in names) else None
    ranked_groups = None if ranks is None else numbers[ranks.order]
    for drawn in _drawn_groups(count, resamples, seed):
        times = drawn.astype(np.float64)
        summed = split(times @ counts)
        above = None if ranks is None else ranks.above(times.T.copy()[ranked_groups])
        unknown = np.full(len(drawn), np.nan)
        found = {}
        for name in names:
            if name in COUNT_METRICS:
                found[name] = COUNT_METRICS[name](summed, predictions.positive)
            else:
                found[name] = unknown if above is None else RANK_METRICS[name](*above)
        yield found


def _percentiles(samples: np.ndarray, level: float, groups: int) -> tuple[float, float]:
    known = samples[~np.isnan(samples)]
    if groups < 2 or len(known) < _KNOWN_SHARE * len(samples):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _two_sided(samples: np.ndarray, low: float) -> float:
    """Twice the smaller share of differences on one side of 0; the rows themselves count as one more resample."""
    if np.isnan(low):
        return float("nan")
    known = samples[~np.isnan(samples)]
    smaller = min(int((known <= 0).sum()), int((known >= 0).sum()))
    return min(1.0, 2 * (smaller + 1) / (len(known) + 1))
