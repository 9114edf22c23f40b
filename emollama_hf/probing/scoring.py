"""Numbers of a probe: metrics with intervals, by fold, by group and by level, and differences between views."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from datasets import ClassLabel, Dataset

from emollama_hf.measures.group_bootstrap import Difference, Interval, ResampledScores, resampled_scores
from emollama_hf.measures.holm import holm
from emollama_hf.measures.scores import scores
from emollama_hf.probing.options import LEVEL, METRICS, ProbeOptions
from emollama_hf.probing.outcome import Outcome, predictions_of
from emollama_hf.probing.probe_error import ProbeError, check_column
from emollama_hf.probing.rows import ProbeRows, column_values
from emollama_hf.probing.views import CHANCE, CONTROL

#: Groups that a list of the hardest has.
HARDEST = 5
#: Levels of `by` at most; more are measurements, or names.
MOST_LEVELS = 20


@dataclass(frozen=True)
class ViewScores:
    """Numbers of one view.

    Attributes:
        intervals: By metric.
        folds: By the name of the fold and metric.
        hardest: Groups with the lowest share of right answers: name, share, rows.
        permuted: By metric the mean and the standard deviation over the permutations; empty where none were made.
        seeds: By metric the value of each seed's networks; empty of one fit.
        levels: By level of `by` the rows and the intervals of the metrics.
        gap: By metric the highest level less the lowest: their names, and the difference with its interval. p is
            corrected for the number of pairs of levels.
    """

    intervals: Mapping[str, Interval]
    folds: Mapping[str, Mapping[str, float]]
    hardest: Sequence[tuple[str, float, int]]
    permuted: Mapping[str, tuple[float, float]]
    seeds: Mapping[str, Sequence[float]]
    levels: Mapping[str, tuple[int, Mapping[str, Interval]]]
    gap: Mapping[str, tuple[str, str, Difference]]


@dataclass(frozen=True)
class Comparison:
    """One view less another in one metric. p_holm: p, corrected for the comparisons of its family.

    family: "chance" (views less chance), "control" (views less the control), "views" (each pair of views) or
    "control alone" (columns of the control less chance).
    """

    first: str
    second: str
    metric: str
    family: str
    difference: Difference
    p_holm: float


class Scoring:
    """Scores outcomes of the same rows with the same resampled groups.

    Args:
        rows: The probed rows.
        fold_numbers: (n,) fold of each row.
        fold_names: Of the folds.
        options: resamples and seed.
        levels: (n,) number of each row's level of `by`, -1 where it has none; None without `by`.
        level_names: Of the levels.
    """

    def __init__(
        self,
        rows: ProbeRows,
        fold_numbers: np.ndarray,
        fold_names: Sequence[str],
        options: ProbeOptions,
        levels: np.ndarray | None = None,
        level_names: Sequence[str] = (),
    ) -> None:
        self._rows, self._folds, self._fold_names, self._options = rows, fold_numbers, fold_names, options
        self._levels, self._level_names = levels, level_names
        self._samples: dict[str, ResampledScores] = {}

    def score(self, outcome: Outcome) -> ViewScores:
        """All numbers of one view; its resamples are kept for `compare`."""
        samples = self._resampled(outcome.predictions(self._rows))
        self._samples[outcome.view] = samples
        levels = self._by_level(outcome)
        return ViewScores(
            intervals=samples.intervals(LEVEL),
            folds={
                name: self._values(outcome, np.flatnonzero(self._folds == fold))
                for fold, name in enumerate(self._fold_names)
            },
            hardest=self._hardest(outcome),
            permuted=self._permuted(outcome),
            seeds=self._seeds(outcome),
            levels={name: (count, found.intervals(LEVEL)) for name, (count, found) in levels.items()},
            gap=_gaps({name: found for name, (_, found) in levels.items()}),
        )

    def compare(self) -> list[Comparison]:
        """Paired differences of all views that were scored, each family corrected by itself."""
        views = [name for name in self._samples if name not in (CHANCE, CONTROL)]
        families = {
            "chance": [(name, CHANCE) for name in [*views, *([CONTROL] if CONTROL in self._samples else [])]],
            "control": [(name, CONTROL) for name in views if CONTROL in self._samples],
            "views": [(one, other) for number, one in enumerate(views) for other in views[number + 1 :]],
        }
        found = []
        for family, pairs in families.items():
            differences = [self._samples[one].differences(self._samples[other], LEVEL) for one, other in pairs]
            for metric in METRICS:
                adjusted = holm([one[metric].p for one in differences])
                found += [
                    Comparison(*pair, metric, family, difference[metric], p)
                    for pair, difference, p in zip(pairs, differences, adjusted, strict=True)
                ]
        return found

    def _resampled(self, predictions: Any) -> ResampledScores:
        """Resampled scores of rows, which may be some of the probed ones: all draws are of the same groups."""
        return resampled_scores(
            predictions,
            METRICS,
            resamples=self._options.resamples,
            seed=self._options.seed,
            drawn_from=self._rows.groups,
        )

    def _values(self, outcome: Outcome, among: np.ndarray) -> dict[str, float]:
        chosen = predictions_of(self._rows, outcome.probabilities, predicted=outcome.predicted, among=among)
        return scores(chosen, METRICS)

    def _hardest(self, outcome: Outcome) -> list[tuple[str, float, int]]:
        right = (outcome.predicted == self._rows.labels.numbers).astype(np.float64)
        counts = np.bincount(self._rows.groups)
        shares = np.bincount(self._rows.groups, right) / counts
        order = np.lexsort((-counts, shares))[:HARDEST]
        return [(self._rows.group_names[group], float(shares[group]), int(counts[group])) for group in order]

    def _permuted(self, outcome: Outcome) -> dict[str, tuple[float, float]]:
        found = [
            scores(predictions_of(self._rows, probabilities, truth=labels), METRICS)
            for labels, probabilities in outcome.permuted
        ]
        if not found:
            return {}
        values = {name: np.array([one[name] for one in found]) for name in METRICS}
        return {name: (float(one.mean()), float(one.std(ddof=min(1, len(one) - 1)))) for name, one in values.items()}

    def _seeds(self, outcome: Outcome) -> dict[str, list[float]]:
        if outcome.by_seed is None:
            return {}
        found = [scores(predictions_of(self._rows, one), METRICS) for one in outcome.by_seed]
        return {name: [one[name] for one in found] for name in METRICS}

    def _by_level(self, outcome: Outcome) -> dict[str, tuple[int, ResampledScores]]:
        found = {}
        for number, name in enumerate(self._level_names):
            assert self._levels is not None
            among = np.flatnonzero(self._levels == number)
            chosen = predictions_of(self._rows, outcome.probabilities, predicted=outcome.predicted, among=among)
            # A participant may have rows of several levels: these are drawn together.
            found[name] = (len(among), self._resampled(chosen))
        return found


def read_levels(ds: Dataset, by: str, rows: ProbeRows) -> tuple[np.ndarray, list[str]]:
    """Levels of a column: (n,) number of each row's level, -1 where it is null, and the names of the levels.

    Raises:
        ProbeError: The column is absent, or has one level or too many.
    """
    check_column(by, ds.column_names, option="by")
    feature = ds.features[by]
    listed = column_values(ds, by)
    values = [listed[row] for row in rows.indices]
    if isinstance(feature, ClassLabel):
        values = [None if value is None else feature.names[value] for value in values]
    texts = [None if value is None or value != value else str(value) for value in values]
    names = sorted({text for text in texts if text is not None})
    if not 2 <= len(names) <= MOST_LEVELS:
        raise ProbeError(
            f"by={by!r} has {len(names)} levels in the probed rows, expected 2 to {MOST_LEVELS}. Name a column of "
            "categories; divide measurements into some first."
        )
    number = {name: index for index, name in enumerate(names)}
    return np.array([-1 if text is None else number[text] for text in texts], np.int64), names


def _gaps(levels: Mapping[str, ResampledScores]) -> dict[str, tuple[str, str, Difference]]:
    """By metric the level with the highest value, the one with the lowest, and their difference."""
    found: dict[str, tuple[str, str, Difference]] = {}
    for metric in METRICS if levels else ():
        known = {name: one.values[metric] for name, one in levels.items() if not np.isnan(one.values[metric])}
        if len(known) > 1:
            high, low = max(known, key=lambda name: known[name]), min(known, key=lambda name: known[name])
            pairs = math.comb(len(known), 2)
            found[metric] = (high, low, level_difference(levels[high], levels[low], metric, pairs=pairs))
    return found


def level_difference(high: ResampledScores, low: ResampledScores, metric: str, *, pairs: int = 1) -> Difference:
    """The difference of a metric between the rows of two levels, resampled together.

    Args:
        high, low: Of the levels.
        metric: Its name.
        pairs: Of levels, of which this one was chosen since it differs most: p is multiplied by it (Bonferroni).
    """
    samples = high.samples[metric] - low.samples[metric]
    known = samples[~np.isnan(samples)]
    value = high.values[metric] - low.values[metric]
    if min(high.groups, low.groups) < 2 or len(known) < 0.75 * len(samples):
        return Difference(value, float("nan"), float("nan"), float("nan"))
    ends = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    smaller = min(int((known <= 0).sum()), int((known >= 0).sum()))
    return Difference(value, float(ends[0]), float(ends[1]), min(1.0, pairs * 2 * (smaller + 1) / (len(known) + 1)))
