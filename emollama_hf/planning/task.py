"""Rows on their way through the stages: what they lack, what they read, what came of it.

A task needs neither the data set nor the store, and pickles: any process of any machine that sees the clips can take it
a few stages further.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from emollama_hf.console.timing import StageTime
from emollama_hf.errors import ClipError
from emollama_hf.rows import Rows
from emollama_hf.stages.running import Outcome, run_stage
from emollama_hf.stages.stage import Stage
from emollama_hf.work_store.media_cells import with_cells


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
        #: By stage and place; pictures as cells (`media_cells`).
        self.outcomes: dict[str, dict[int, Outcome]] = {}
        self.failures: dict[int, ClipError] = {}
        self.times: dict[str, StageTime] = {}
        #: Seconds of each row by stage; rows that are computed together share them evenly.
        self.row_seconds: dict[int, dict[str, float]] = {}
        self._needed = [set(stages) for stages in needed]
        self._values = {column: dict(values) for column, values in known.items()}

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to compute."""
        return not any(stages for i, stages in enumerate(self._needed) if i not in self.failures)

    def __getstate__(self) -> dict[str, Any]:
        # What stages read of each other is several megabytes a clip; nobody reads it at the end.
        return {**vars(self), "_values": {}} if self.is_done else vars(self)

    def run(self, stages: Iterable[Stage]) -> Task:
        """Take the rows through those of the next stages that they need, as far as nothing has failed them."""
        for stage in stages:
            places = [i for i in range(len(self.rows)) if stage.name in self._needed[i] and i not in self.failures]
            if places:
                self._run(stage, places)
        return self

    def split(self) -> list[Task]:
        """A task for each row, so that several processes may take one unit's rows at once."""
        parts = []
        for i, row in enumerate(self.rows):
            known = {column: {0: values[i]} for column, values in self._values.items() if i in values}
            parts.append(Task([row], self.batch.select([i]), [self._needed[i]], known))
        return parts

    def take_in(self, parts: Sequence[Task]) -> Task:
        """What came of the parts that this task was split into."""
        for i, part in enumerate(parts):
            self._needed[i] = part._needed[0]
            for ours, theirs in ((self._values, part._values), (self.outcomes, part.outcomes)):
                for name, values in theirs.items():
                    ours.setdefault(name, {})[i] = values[0]
            if 0 in part.failures:
                self.failures[i] = part.failures[0]
            self.row_seconds.setdefault(i, {}).update(part.row_seconds.get(0, {}))
            for name, spent in part.times.items():
                before = self.times.get(name, StageTime(0.0, 0))
                self.times[name] = StageTime(before.seconds + spent.seconds, before.rows + spent.rows)
        return self

    def _run(self, stage: Stage, places: list[int]) -> None:
        given = {
            column: [self._values[column].get(i) for i in range(len(self.rows))] for column in stage.given(self._values)
        }
        stage.ready()
        done = run_stage(stage, self.batch.with_columns(given), places)
        self.times[stage.name], self.outcomes[stage.name] = done.time, {}
        for i in places:
            self.row_seconds.setdefault(i, {})[stage.name] = done.time.seconds / len(places)
        self.failures |= done.failures
        features = stage.own_features()
        for i, outcome in done.outcomes.items():
            self._needed[i].discard(stage.name)
            if isinstance(outcome, ClipError):
                self.outcomes[stage.name][i] = outcome
                continue
            for column, value in outcome.items():
                self._values.setdefault(column, {})[i] = value
            # Stored also if this run does not accept it: another may. Compressed here, where several processes may do
            # it at once, and not where all is written.
            self.outcomes[stage.name][i] = with_cells(outcome, features)
