"""From the rounds of a ratio and its recorded value to one of four outcomes."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

#: A ratio may exceed its recorded value by this share.
TOLERANCE = 0.10
#: The median lies in the interval with this probability, whatever the distribution of the rounds.
CONFIDENCE = 0.95
#: Rounds below which an interval of that confidence does not exist.
FEWEST_ROUNDS = 6
#: Rounds that confirm a failure, while time lasts: it sends somebody looking for a cause.
CONFIRMING_ROUNDS = 10


class Outcome(Enum):
    WITHIN = "within"
    FASTER = "faster"
    SLOWER = "slower"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Estimate:
    """The median of some rounds, and the interval in which the true median lies; nan to inf with too few rounds."""

    ratio: float
    low: float
    high: float
    rounds: int

    @property
    def uncertainty(self) -> float:
        """Half of the interval relative to the ratio."""
        return (self.high - self.low) / 2 / self.ratio


def estimate(values: Sequence[float]) -> Estimate:
    """Median and its interval by order statistics, which outliers do not move and which assumes no distribution.

    >>> estimate([1.0, 1.1, 1.2, 1.3, 1.4, 9.0])
    Estimate(ratio=1.25, low=1.0, high=9.0, rounds=6)
    """
    ordered, count = sorted(values), len(values)
    if not count:
        return Estimate(math.nan, -math.inf, math.inf, 0)
    skipped = _skipped(count)
    low, high = (-math.inf, math.inf) if skipped is None else (ordered[skipped], ordered[-1 - skipped])
    return Estimate(statistics.median(ordered), low, high, count)


def _skipped(count: int) -> int | None:
    """How many of the smallest, and of the largest, of `count` values lie outside the interval; None with too few."""
    # The median lies below the k-th smallest value if fewer than k of the values, each with chance 1/2, lie below it.
    outside, skipped = 0.0, None
    for k in range(count // 2):
        outside += 2 * math.comb(count, k) / 2**count
        if outside > 1 - CONFIDENCE:
            break
        skipped = k
    return skipped


def judge(found: Estimate, recorded: float) -> Outcome:
    """What the interval says; UNDECIDED if the limit lies inside it."""
    limit = limit_of(recorded)
    if found.low > limit:
        return Outcome.SLOWER
    if found.high > limit:
        return Outcome.UNDECIDED
    return Outcome.FASTER if found.high < recorded * (1 - TOLERANCE) else Outcome.WITHIN


def limit_of(recorded: float) -> float:
    """The largest ratio that passes."""
    return recorded * (1 + TOLERANCE)


def is_settled(values: Sequence[float], recorded: float) -> bool:
    """Whether more rounds are unlikely to change the outcome."""
    outcome = judge(estimate(values), recorded)
    if outcome is Outcome.SLOWER:
        return len(values) >= CONFIRMING_ROUNDS
    return outcome is not Outcome.UNDECIDED
