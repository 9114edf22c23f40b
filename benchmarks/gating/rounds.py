"""Rounds of all measurements in turns, until each is settled or the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.gating.ratio import Measurement, Round

#: A turn of a measurement, in rounds: as many as take about this long, and one at least.
TURN_SECONDS = 2.0


def measure_in_turns(
    measurements: Sequence[Measurement],
    wanted: set[str],
    folder: Path,
    *,
    is_settled: Callable[[str, list[float]], bool],
    deadline: float,
) -> dict[str, list[float]]:
    """The ratio of each round, by the name of each wanted ratio.

    folder: an empty one, in which each measurement gets its own. is_settled: given a name and its values so far.
    deadline: of `time.monotonic`. No measurement is opened after it, and no round begun that would end after it, judged
    by the longest round of the same measurement before.
    """
    with ExitStack() as stack:
        turns = []
        for number, measurement in enumerate(measurements):
            names = wanted.intersection(measurement.names)
            if names and time.monotonic() < deadline:
                own = folder / str(number)
                own.mkdir()
                turns.append(_Turns(stack.enter_context(measurement.open(own)), names, is_settled, deadline))
        going_on = turns
        while going_on:
            going_on = [one for one in going_on if one.take()]
    values: dict[str, list[float]] = {name: [] for name in wanted}
    for one in turns:
        values |= one.values
    return values


class _Turns:
    """The rounds of one measurement."""

    def __init__(
        self, run: Round, names: set[str], is_settled: Callable[[str, list[float]], bool], deadline: float
    ) -> None:
        self.values: dict[str, list[float]] = {name: [] for name in names}
        self._run = run
        self._is_settled = is_settled
        self._deadline = deadline
        self._longest = 0.0

    def take(self) -> bool:
        """One turn; whether another one is needed and there is time for it."""
        end, taken = time.monotonic() + TURN_SECONDS, 0
        while not all(self._is_settled(name, values) for name, values in self.values.items()):
            next_ends = time.monotonic() + self._longest
            if next_ends > self._deadline:
                return False
            if taken and next_ends > end:
                return True
            self._round()
            taken += 1
        return False

    def _round(self) -> None:
        started = time.monotonic()
        pairs = self._run()
        self._longest = max(self._longest, time.monotonic() - started)
        for name, values in self.values.items():
            numerator, denominator = pairs[name]
            values.append(numerator / denominator)
