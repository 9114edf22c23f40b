"""Rows on their way through the stages: what they lack, what they read, what came of it.

A task needs neither the data set nor the store, and pickles: any process of any machine that sees the clips can take it
a few stages further.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from emollama_hf.errors import ClipError
from emollama_hf.rows import Rows
from emollama_hf.stage import Stage
from emollama_hf.timing import StageTime

Outcome = dict[str, Any] | ClipError


class Task:
    """Some rows of a data set and the stages that they still need.

    rows: their places in the data set. batch: what the stages read of them. needed: names of stages to run, a set a
    row. known: columns that earlier runs have made and these stages read, by name and place in the batch.
    """

    def __init__(
        self,
        rows: Sequence[int],
        batch: Rows,
        needed: Sequence[set[str]],
        known: Mapping[str, Mapping[int, Any]],
    ) -> None:
        self.rows = tuple(rows)
        self.batch = batch
        self.outcomes: dict[str, dict[int, Outcome]] = {}
        self.failures: dict[int, ClipError] = {}
        self.times: dict[str, StageTime] = {}
        self._needed = needed
        self._values = {column: dict(values) for column, values in known.items()}

    def run(self, stages: Iterable[Stage]) -> Task:
        """Take the rows through those of the next stages that they need, as far as nothing has failed them."""
        for stage in stages:
            places = [i for i in range(len(self.rows)) if stage.name in self._needed[i] and i not in self.failures]
            if places:
                self._run(stage, places)
        return self

    def _run(self, stage: Stage, places: list[int]) -> None:
        for column in stage.given(self._values):
            values = self._values[column]
            self.batch.add(column, [values.get(i) for i in range(len(self.rows))])
        stage.ready()
        started = time.perf_counter()
        outcomes = dict(zip(places, stage.outcomes(self.batch, places), strict=True))
        self.times[stage.name] = StageTime(time.perf_counter() - started, len(places))
        self.outcomes[stage.name] = outcomes
        for i, outcome in outcomes.items():
            if isinstance(outcome, ClipError):
                self.failures[i] = outcome
                continue
            for column, value in outcome.items():
                self._values.setdefault(column, {})[i] = value
