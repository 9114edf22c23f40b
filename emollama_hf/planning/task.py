"""Rows on their way through the stages: what they lack, what they read, what came of it.

A task needs neither the data set nor the store, and pickles: any process of any machine that sees the clips can take it
a few stages further.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from emollama_hf.console.timing import StageTime
from emollama_hf.errors import ClipError
from emollama_hf.rows import Rows
from emollama_hf.stages.reduction import Reading
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

    def needs(self, stage: Stage) -> bool:
        """Whether one of the rows still has to go through a stage."""
        return any(stage.name in names for i, names in enumerate(self._needed) if i not in self.failures)

    def run(self, stages: Iterable[Stage]) -> Task:
        """Take the rows through those of the next stages that they need, as far as nothing has failed them."""
        for stage in stages:
            places = [i for i in range(len(self.rows)) if stage.name in self._needed[i] and i not in self.failures]
            if places:
                self._run(stage, places)
        return self

    def leave_behind(self, reading: Reading) -> Task:
        """Let go of what no later stage reads of these rows, and keep of the rest what is read.

        Args:
            reading: of the later stages, by their names.
        """
        for column, values in self._values.items():
            for i in list(values):
                read = [reading[name] for name in self._needed[i] if i not in self.failures and name in reading]
                how = [columns[column] for columns in read if column in columns]
                if not how:
                    del values[i]
                elif how[0] is not None and how.count(how[0]) == len(how):
                    # What cannot be reduced is a mistake of the row, and the stage has words for it.
                    with suppress(ClipError):
                        values[i] = how[0](values[i])
        self._values = {column: values for column, values in self._values.items() if values}
        return self

    def split(self, stages: Collection[Stage]) -> dict[int, Task]:
        """Each row that needs one of the next stages as a task of its own, so that processes may take one each.

        Returns:
            By position, with no more than these stages read.
        """
        parts = {}
        for i, row in enumerate(self.rows):
            needed = [stage for stage in stages if stage.name in self._needed[i] and i not in self.failures]
            read = {column for stage in needed for column in stage.given(self._values)}
            known = {column: {0: self._values[column][i]} for column in read if i in self._values[column]}
            if needed:
                parts[i] = Task([row], self.batch.select([i]), [self._needed[i]], known)
        return parts

    def take_in(self, parts: Mapping[int, Task]) -> Task:
        """What came of the parts that this task was split into."""
        for i, part in parts.items():
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
