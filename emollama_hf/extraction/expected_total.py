"""From a few clips to all of them: what the others take, as a range.

The chosen clips are a systematic sample: the middles of parts of equal numbers of clips, in the order of their file
sizes. Its variance is estimated from the differences between neighbours.
Source: Wolter, Introduction to Variance Estimation, chapter 8.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from emollama_hf.extraction.sample_choice import Part

#: Standard errors on each side of what is expected.
ERRORS = 2.0
#: What one clip, which has no neighbour, may be wrong by.
ALONE = 2.0


@dataclass(frozen=True)
class Range:
    """What is expected, and between which values it probably lies; seconds or bytes."""

    low: float = 0.0
    expected: float = 0.0
    high: float = 0.0

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.expected + other.expected, self.high + other.high)

    def shared(self, least: float, usual: float, most: float) -> Range:
        """Of each of some workers, of which between `least` and `most` work at full speed at a time."""
        return Range(self.low / most, self.expected / usual, self.high / least)

    @classmethod
    def of(cls, value: float) -> Range:
        """A value that is certain."""
        return cls(value, value, value)

    @classmethod
    def largest(cls, ranges: Iterable[Range]) -> Range:
        """Of what is done side by side, what takes longest."""
        every = list(ranges) or [cls()]
        return cls(max(one.low for one in every), max(one.expected for one in every), max(one.high for one in every))


def of_the_others(values: Sequence[float], parts: Sequence[Part]) -> Range:
    """The sum over all clips that were not chosen.

    Args:
        values: of each chosen clip.
        parts: that they were chosen from, small files first.

    Returns:
        Expected is each value times the other clips of its part. The range is two standard errors on each side,
        and as far as a sum in proportion to file sizes, if these are known; with a single clip, half to twice of it.
    """
    others = [part.clips - 1 for part in parts]
    left = sum(others)
    if not left:
        return Range()
    expected = sum(value * number for value, number in zip(values, others, strict=True))
    if len(values) == 1:
        low, high = expected / ALONE, expected * ALONE
    else:
        error = left * _deviation(values) * math.sqrt(1 / len(values) + 1 / left)
        low, high = max(0.0, expected - ERRORS * error), expected + ERRORS * error
    by_size = _by_size(values, parts)
    if by_size is not None:
        low, high = min(low, by_size), max(high, by_size)
    return Range(low, expected, high)


def _deviation(values: Sequence[float]) -> float:
    """Standard deviation within the parts, from the differences between neighbours."""
    squares = [(after - before) ** 2 for before, after in pairwise(values)]
    return math.sqrt(sum(squares) / (2 * len(squares)))


def _by_size(values: Sequence[float], parts: Sequence[Part]) -> float | None:
    total = 0.0
    for value, part in zip(values, parts, strict=True):
        if not part.clip_bytes or part.part_bytes is None:
            return None
        total += value * (part.part_bytes - part.clip_bytes) / part.clip_bytes
    return total
