"""The contract of everything that the gate measures."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path


class GateError(ValueError):
    """The gate cannot decide anything; the message is one line for people."""


@dataclass(frozen=True)
class Ratio:
    """How much of one thing it takes relative to another, both in the same round.

    name: as `--only` and gate.json have it. meaning: numerator and denominator, as the subject of "is 1.2".
    where: the code to look at when it gets slower.
    """

    name: str
    meaning: str
    where: str


#: Numerator and denominator of each ratio in one round, by its name; seconds of the same clock, or counts.
Pairs = dict[str, tuple[float, float]]
Round = Callable[[], Pairs]


@dataclass(frozen=True)
class Measurement:
    """Ratios that come out of the same rounds.

    open: given an empty folder, does all that must not be timed (models, files, one call of everything to warm up) and
    yields a function that does one round. A round takes seconds and times numerator and denominator one after the
    other, so that a busy machine hinders both alike.
    """

    ratios: tuple[Ratio, ...]
    open: Callable[[Path], AbstractContextManager[Round]]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(ratio.name for ratio in self.ratios)
