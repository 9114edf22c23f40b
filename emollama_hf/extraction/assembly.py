"""Rows of the work store in the order of a data set: as a `Dataset` mapped from the shards, and piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
from datasets import Dataset, DatasetInfo, Features, concatenate_datasets
from datasets.table import InMemoryTable, MemoryMappedTable, concat_tables

from emollama_hf import schema
from emollama_hf.files.digest import combined
from emollama_hf.planning.computation import CHANGED, Computation
from emollama_hf.stages.stage import Stage
from emollama_hf.work_store.arrow_columns import nulls
from emollama_hf.work_store.mapped_files import mapped_dataset
from emollama_hf.work_store.media_cells import pictures_to_arrow
from emollama_hf.work_store.shard import Failure
from emollama_hf.work_store.stored_rows import MOST_ROWS, StoredRows
from emollama_hf.work_store.work_store import Stored

#: `datasets` takes time that grows with the square of the pieces of a table; rows that lie more scattered are gathered
#: in a file of their own.
MOST_STRETCHES = 200
#: Bytes of the rows that are copied together into that file.
BATCH_BYTES = 16_000_000


@dataclass(frozen=True)
class Stretch:
    """Neighbouring rows whose values lie side by side in one shard; `stored` is None for rows without values."""

    stored: Stored | None
    rows: int


class Assembly:
    """What became of every row of a data set, failed ones included.

    unreadable: why rows without keys failed.
    """

    def __init__(self, computation: Computation, unreadable: dict[int, Failure]) -> None:
        self.computation = computation
        self._pipeline = computation.pipeline
        self._failures = self._collect_failures(unreadable)
        self._all_stretches: dict[str, list[Stretch]] = {}

    @cached_property
    def statuses(self) -> list[str]:
        """`emollama_status` of each row."""
        given = self.computation.given_status
        return [self._failures[row].kind if row in self._failures else given[row] for row in range(len(given))]

    def errors(self, *, folders: bool = True) -> list[str | None]:
        """`emollama_error` of each row, with the row's name, with or without the folder that its clip is in."""
        ds, label = self.computation.ds, self.computation.label
        given = list(ds[schema.ERROR]) if schema.ERROR in ds.column_names else [None] * len(ds)
        for row, failure in self._failures.items():
            given[row] = f"{label(row, folder=folders)}: {failure.message}"
        return given

    @cached_property
    def row_ids(self) -> list[str]:
        """For each row what changes when any of its new columns but the message does."""
        keys = self.computation.keys.values()
        return [combined(*(str(one[row]) for one in keys), status) for row, status in enumerate(self.statuses)]

    def made_with(self) -> list[dict[str, Any]]:
        """What the shards that the rows lie in were made with."""
        shards = {
            stretch.stored.shard.folder: stretch.stored.shard.made_with
            for stage in self._pipeline.stages
            for stretch in self._stretches(stage)
            if stretch.stored is not None
        }
        return list(shards.values())

    def dataset(self) -> Dataset:
        """The new columns; values stay in the shards, mapped into memory. Pictures only as far as they are kept."""
        parts: list[Dataset] = []
        for stage in self._numbered():
            computed = {name for part in parts for name in part.column_names}  # two encoders of sound say `has_audio`
            part = self._stage_dataset(stage)
            own = [name for name in part.column_names if name not in computed]
            parts.append(part if len(own) == len(part.column_names) else part.select_columns(own))
        if self.computation.pictures:
            parts.append(self._kept_dataset())
        status = {schema.STATUS: self.statuses, schema.ERROR: self.errors()}
        parts.append(Dataset.from_dict(status, features=schema.status_features()))
        return concatenate_datasets(parts, axis=1).select_columns(list(self._pipeline.features))

    def tables(self, ranges: Iterator[range], errors: list[str | None]) -> Iterator[pa.Table]:
        """The new columns of each range of rows, read anew and let go again, so that memory stays flat.

        errors: what stands in `emollama_error`.
        """
        stored = StoredRows()
        stages = self._numbered()
        stretches = {stage: _Stretches(self._stretches(stage)) for stage in stages}
        features = self._pipeline.features
        for rows in ranges:
            columns: dict[str, pa.Array | pa.ChunkedArray] = {}
            for stage in stages:
                table = self._read(stage, stretches[stage], rows, stored)
                columns = {name: table.column(name) for name in table.column_names} | columns
            for name in self.computation.pictures:
                columns[name] = pictures_to_arrow(name, self._pictures(name, rows, stored), features[name])
            columns[schema.STATUS] = pa.array(self.statuses[rows.start : rows.stop], pa.string())
            columns[schema.ERROR] = pa.array(errors[rows.start : rows.stop], pa.string())
            yield pa.table([columns[name] for name in features], schema=features.arrow_schema)

    def _read(self, stage: Stage, stretches: _Stretches, rows: range, stored: StoredRows) -> pa.Table:
        numbers = self._numbers(stage)
        pieces = [
            _nulls(numbers, one.rows) if one.stored is None else stored.rows(one.stored, stage.name, one.rows)
            for one in stretches.between(rows.start, rows.stop)
        ]
        return pa.concat_tables(pieces)

    def _collect_failures(self, unreadable: dict[int, Failure]) -> dict[int, Failure]:
        failures = dict(unreadable)
        for row in range(len(self.computation.ds)):
            if self.computation.readable(row):
                outcome = self.computation.outcome(row)
                if isinstance(outcome, Failure):
                    failures[row] = outcome
                elif outcome is None:  # it was computed and thrown away
                    failures[row] = Failure("unexpected", CHANGED)
        return dict(sorted(failures.items()))

    def _numbered(self) -> list[Stage]:
        """The stages that compute other columns than pictures."""
        return [stage for stage in self._pipeline.stages if self._numbers(stage)]

    def _numbers(self, stage: Stage) -> Features:
        own = self.computation.features[stage.name]
        return Features({name: kind for name, kind in own.items() if not schema.is_picture(kind)})

    def _stored(self, stage: Stage, row: int) -> Stored | None:
        """Where the row's values are; none after a stage that failed it, even if another run has computed them."""
        if not self.computation.readable(row):
            return None
        for one in self._pipeline.stages:
            found = self.computation.find(one, row)
            if one is stage or isinstance(found, Failure):
                return found if isinstance(found, Stored) else None
        return None

    def _stretches(self, stage: Stage) -> list[Stretch]:
        if stage.name not in self._all_stretches:
            self._all_stretches[stage.name] = self._find_stretches(stage)
        return self._all_stretches[stage.name]

    def _find_stretches(self, stage: Stage) -> list[Stretch]:
        stretches: list[Stretch] = []
        for row in range(len(self.computation.ds)):
            stored = self._stored(stage, row)
            last = stretches[-1] if stretches else None
            if last is not None and _continues(last, stored):
                stretches[-1] = Stretch(last.stored, last.rows + 1)
            else:
                stretches.append(Stretch(stored, 1))
        return stretches

    def _stage_dataset(self, stage: Stage) -> Dataset:
        features, stretches = self._numbers(stage), self._stretches(stage)
        digest = combined(stage.name, *self.row_ids)[:32]
        if len(stretches) > MOST_STRETCHES:
            return mapped_dataset(self._root, stage.name, digest, features, lambda: self._in_order(stage))
        maps: dict[Path, MemoryMappedTable] = {}
        blocks = []
        for stretch in stretches:
            if stretch.stored is None:
                blocks.append(InMemoryTable(_nulls(features, stretch.rows)))
                continue
            path = stretch.stored.shard.file(stage.name)
            if path not in maps:
                maps[path] = MemoryMappedTable.from_file(str(path))
            blocks.append(maps[path].slice(stretch.stored.at, stretch.rows))
        return Dataset(concat_tables(blocks, axis=0), info=DatasetInfo(features=features), fingerprint=digest)

    def _in_order(self, stage: Stage) -> Iterator[pa.Table]:
        stored, stretches = StoredRows(), _Stretches(self._stretches(stage))
        step = min(MOST_ROWS, max(1, BATCH_BYTES // max(1, schema.row_bytes(self._numbers(stage)))))
        count = len(self.computation.ds)
        for start in range(0, count, step):
            yield self._read(stage, stretches, range(start, min(start + step, count)), stored)

    # Pictures that are kept

    def _kept_dataset(self) -> Dataset:
        """The pictures that are returned, decompressed once."""
        features = Features({name: self._pipeline.features[name] for name in self.computation.pictures})
        digest = combined(*features, *self.row_ids)[:32]
        return mapped_dataset(self._root, "pictures", digest, features, lambda: self._kept_pictures(features))

    def _kept_pictures(self, features: Features) -> Iterator[pa.Table]:
        stored = StoredRows()
        for row in range(len(self.computation.ds)):
            columns = [
                pictures_to_arrow(name, self._pictures(name, range(row, row + 1), stored), kind)
                for name, kind in features.items()
            ]
            yield pa.table(columns, schema=features.arrow_schema)

    @property
    def _root(self) -> Path:
        return self.computation.store.root

    def _pictures(self, column: str, rows: range, stored: StoredRows) -> list[Any]:
        stage = next(stage for stage in self._pipeline.stages if column in stage.makes)
        found = [self._stored(stage, row) for row in rows]
        own = self.computation.features[stage.name]
        return [None if one is None else stored.value(one, stage.name, column, own[column]) for one in found]


class _Stretches:
    """Runs of rows, asked for by ranges that ascend."""

    def __init__(self, stretches: list[Stretch]) -> None:
        self._stretches = stretches
        self._index, self._start = 0, 0  # the stretch where the last range ended, and its first row

    def between(self, start: int, stop: int) -> Iterator[Stretch]:
        while start < stop:
            stretch = self._stretches[self._index]
            end = self._start + stretch.rows
            if end <= start:
                self._index, self._start = self._index + 1, end
                continue
            rows = min(stop, end) - start
            at = (
                None
                if stretch.stored is None
                else Stored(stretch.stored.shard, stretch.stored.at + start - self._start)
            )
            yield Stretch(at, rows)
            start += rows


def _continues(stretch: Stretch, stored: Stored | None) -> bool:
    if stretch.stored is None or stored is None:
        return stretch.stored is stored
    return stretch.stored.shard is stored.shard and stored.at == stretch.stored.at + stretch.rows


def _nulls(features: Features, rows: int) -> pa.Table:
    return pa.table([nulls(rows, kind) for kind in features.values()], schema=features.arrow_schema)
