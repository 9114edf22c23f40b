"""What is left to compute, as tasks that any process can run, and what came of them into a shard."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from datasets import Dataset

from emollama_hf import schema
from emollama_hf.console import timing
from emollama_hf.errors import ClipError
from emollama_hf.files.digest import combined
from emollama_hf.planning.content import names_a_local_file
from emollama_hf.planning.row_keys import RowKeys, read_rows, row_keys
from emollama_hf.planning.task import Task
from emollama_hf.privacy.media import without_folder
from emollama_hf.rows import Rows
from emollama_hf.stages.pipeline import Pipeline
from emollama_hf.stages.running import named, outcomes_of, statuses_of
from emollama_hf.stages.stage import Stage
from emollama_hf.work_store.shard import Failure
from emollama_hf.work_store.stored_rows import StoredRows
from emollama_hf.work_store.work_store import Publisher, Stored, WorkStore
from emollama_hf.work_store.writing_thread import WritingThread

CHANGED = "the clip changed while it was being computed. Run the same again."


@dataclass(frozen=True)
class Unit:
    """Rows that go through the stages together. Always the same rows, so that a resumed run computes the same bits."""

    id: str
    rows: tuple[int, ...]


@dataclass
class Report:
    """What a piece of work came to.

    rows: that were computed, and are in this process's hands. stored: of those of earlier reports, that are safe on the
    disk now. changed: rows that were thrown away, because their files changed meanwhile. row_seconds: what each row
    took, by stage. worker: number of the process that did the work.
    """

    rows: int = 0
    stored: int = 0
    changed: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    times: dict[str, timing.StageTime] = field(default_factory=dict)
    shards: int = 0
    row_seconds: dict[int, dict[str, float]] = field(default_factory=dict)
    worker: int = field(default_factory=os.getpid)


class Computation:
    """A data set, the stages to take it through, and the store that knows what has been done."""

    def __init__(
        self,
        ds: Dataset,
        pipeline: Pipeline,
        keys: RowKeys,
        store: WorkStore,
        *,
        positions: Sequence[int] | None = None,
        unit_rows: int | None = None,
    ) -> None:
        """Nothing is computed yet.

        Args:
            ds: the rows.
            pipeline: the stages.
            keys: of the rows (`row_keys`).
            store: where results are.
            positions: of the rows in the data set that they were selected from, by which messages call them.
            unit_rows: rows that are computed together; by default the stages' micro-batch.
        """
        self.ds = ds
        self.pipeline = pipeline
        self.keys = keys
        self.store = store
        self.features = {stage.name: stage.own_features() for stage in pipeline.stages}
        #: Columns of pictures that the run returns.
        self.pictures = [name for name, kind in pipeline.features.items() if schema.is_picture(kind)]
        self.given_status = _given_status(ds)
        self._positions = range(len(ds)) if positions is None else positions
        self._unit_rows = unit_rows or pipeline.micro_batch
        self._stored = StoredRows()
        self._rejections: dict[tuple[str, str], Failure | None] = {}

    # What is there

    def outcome(self, row: int) -> dict[str, Stored] | Failure | None:
        """Where the row's values are by stage, or why a stage failed it; None if that is not all known."""
        found: dict[str, Stored] = {}
        for stage in self.pipeline.stages:
            outcome = self.find(stage, row)
            if not isinstance(outcome, Stored):
                return outcome
            found[stage.name] = outcome
        return found

    def readable(self, row: int) -> bool:
        """Whether the row's files could be read, and no stage has failed it before it came here."""
        return self.given_status[row] == schema.OK and all(keys[row] is not None for keys in self.keys.values())

    def units(self, rows: Iterable[int] | None = None) -> list[Unit]:
        """Readable rows, of equal ones the first, in units of the stages' micro-batch."""
        distinct: dict[str, int] = {}
        for row in range(len(self.ds)) if rows is None else rows:
            if self.readable(row):
                distinct.setdefault(combined(*(str(keys[row]) for keys in self.keys.values())), row)
        entries, size = list(distinct.items()), self._unit_rows
        pieces = [entries[start : start + size] for start in range(0, len(entries), size)]
        return [Unit(combined(*(key for key, _ in piece))[:32], tuple(row for _, row in piece)) for piece in pieces]

    def missing(self, unit: Unit) -> list[int]:
        """The unit's rows whose outcome is not known."""
        return [row for row in unit.rows if self.outcome(row) is None]

    def label(self, row: int, *, folder: bool = True) -> str:
        """What people call a row; without the folder that its clip is in, if that is nobody's business."""
        if not any(name in self.ds.column_names for name in schema.SHOWN_ROW_NAMES):
            return f"row {self._positions[row]} of the data set"
        batch = self._read((), [row])
        label = batch.row(0).label
        return label if folder else _without_folders(label, batch, 0)

    def unreadable(self) -> dict[int, Failure]:
        """Why rows without keys cannot be read. Not stored: a file may be there the next time."""
        failures = {}
        for row in range(len(self.ds)):
            if self.given_status[row] != schema.OK or self.readable(row):
                continue
            stage = next(stage for stage in self.pipeline.stages if self.keys[stage.name][row] is None)
            stage.ready()
            (outcome,) = outcomes_of(stage, self._read(stage.given(self.ds.column_names), [row]), [0])
            error = outcome if isinstance(outcome, ClipError) else ClipError("unexpected", CHANGED)
            failures[row] = Failure(error.kind, str(error))
        return failures

    # Computing

    def task(self, unit: Unit) -> Task:
        """What the unit lacks, ready to be computed anywhere."""
        rows = self.missing(unit)
        columns = [c for stage in self.pipeline.stages for c in stage.given(self.ds.column_names)]
        needed = [self._needed(row) for row in rows]
        return Task(rows, self._read(columns, rows), needed, self._known(rows, needed))

    def add(self, task: Task, publisher: Publisher | WritingThread) -> Report:
        """Put what came of a task into the shard.

        With on_error="raise" the first failure is added, too, and then raised as ClipError.
        """
        rows, changed = task.rows, self._changed_meanwhile(task.batch, task.rows)
        for stage in self.pipeline.stages:
            for i, outcome in task.outcomes.get(stage.name, {}).items():
                if isinstance(outcome, ClipError):  # the same clip may lie anywhere
                    outcome = ClipError(outcome.kind, _without_folders(str(outcome), task.batch, i))
                if i not in changed:
                    publisher.add(stage.name, self.features[stage.name], str(self.keys[stage.name][rows[i]]), outcome)
        for i in sorted(task.failures) if self.raises else ():
            raise named(task.failures[i], self.label(rows[i]))
        failed: Counter[str] = Counter(error.kind for error in task.failures.values())
        spent = {rows[i]: seconds for i, seconds in task.row_seconds.items()}
        return Report(len(rows), changed=len(changed), failed=failed, times=task.times, row_seconds=spent)

    @property
    def raises(self) -> bool:
        """Whether the first failed row ends the run."""
        return self.pipeline.stages[0].config.on_error == "raise"

    def find(self, stage: Stage, row: int) -> Stored | Failure | None:
        """What is known of one stage of a row."""
        key = self.keys[stage.name][row]
        found = None if key is None else self.store.find(stage.name, key)
        kept = any(column in self.pictures for column in stage.makes)
        if kept and isinstance(found, Stored) and found.shard.pictures_file(stage.name) is None:
            return None  # somebody deleted the pictures, and they are asked for
        if isinstance(found, Stored) and stage.judged():
            return self._rejection(stage, str(key), found) or found
        return found

    def _read(self, columns: Sequence[str], rows: Sequence[int]) -> Rows:
        return read_rows(self.ds, columns, rows).of_data_set([self._positions[row] for row in rows])

    def _rejection(self, stage: Stage, key: str, stored: Stored) -> Failure | None:
        """Why this run does not accept what a stage has computed of a row; None if it does."""
        if (stage.name, key) not in self._rejections:
            values = {column: self._value(stored, stage, column) for column in stage.judged()}
            error = stage.rejection(values)
            self._rejections[stage.name, key] = None if error is None else Failure(error.kind, str(error))
        return self._rejections[stage.name, key]

    def _needed(self, row: int) -> set[str]:
        """Stages to run for a row: those without values, and those whose pictures they read and somebody deleted."""
        needed: set[str] = set()
        for stage in reversed(self.pipeline.stages):
            if not isinstance(self.find(stage, row), Stored):
                needed.add(stage.name)
            for maker, columns in self._sources(stage).items() if stage.name in needed else ():
                stored = self.find(maker, row)
                pictures = any(schema.is_picture(self.features[maker.name][column]) for column in columns)
                if pictures and isinstance(stored, Stored) and stored.shard.pictures_file(maker.name) is None:
                    needed.add(maker.name)
        return needed

    def _sources(self, stage: Stage) -> dict[Stage, list[str]]:
        """The stages of this run whose columns a stage reads, and these columns."""
        sources = {one: list(stage.given(one.makes)) for one in self.pipeline.stages if one is not stage}
        return {one: columns for one, columns in sources.items() if columns}

    def _known(self, rows: list[int], needed: list[set[str]]) -> dict[str, dict[int, Any]]:
        """Columns that stages of a task read and earlier runs have made, by name and place in the task."""
        known: dict[str, dict[int, Any]] = {}
        for i, row in enumerate(rows):
            for stage in self.pipeline.stages:
                for maker, columns in self._sources(stage).items() if stage.name in needed[i] else ():
                    stored = self.find(maker, row)
                    if maker.name in needed[i] or not isinstance(stored, Stored):
                        continue
                    for column in columns:
                        known.setdefault(column, {})[i] = self._value(stored, maker, column)
        return known

    def _value(self, stored: Stored, stage: Stage, column: str) -> Any:
        return self._stored.value(stored, stage.name, column, self.features[stage.name][column])

    def _changed_meanwhile(self, batch: Rows, rows: Sequence[int]) -> set[int]:
        """Rows whose files are no longer those that the keys were made of."""
        local = [
            i for i in range(len(rows)) if any(names_a_local_file(name, batch.value(name, i)) for name in batch.names)
        ]
        now = row_keys(self.ds, self.pipeline, [rows[i] for i in local]) if local else {}
        return {
            i for place, i in enumerate(local) if any(now[stage][place] != self.keys[stage][rows[i]] for stage in now)
        }


def _without_folders(message: str, batch: Rows, row: int) -> str:
    for column in (schema.VIDEO, schema.FRAMES):
        if column in batch:
            message = without_folder(message, batch.value(column, row))
    return message


def _given_status(ds: Dataset) -> list[str]:
    if schema.STATUS not in ds.column_names:
        return [schema.OK] * len(ds)
    return statuses_of(Rows({schema.STATUS: list(ds[schema.STATUS])}, len(ds)))
