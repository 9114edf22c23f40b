"""Rows of a run beside those that a directory holds already: each row once, and no row or column less than before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import pyarrow as pa
from datasets import Features

from emollama_hf import schema
from emollama_hf.feature_set.existing_set import ExistingSet
from emollama_hf.feature_set.feature_rows import FeatureRows, piece_rows
from emollama_hf.feature_set.row_identity import match_rows
from emollama_hf.feature_set.row_notes import RowNote
from emollama_hf.feature_set.shrinking import together
from emollama_hf.files.digest import combined
from emollama_hf.stages.known_columns import is_computed
from emollama_hf.work_store.arrow_columns import nulls


@dataclass(frozen=True)
class _Slot:
    """One row: its position in the set that is there and in the run, as far as its values come from there.

    labels_only: of the set that is there only what no stage has computed, since the clip is another one now.
    """

    there: int | None
    here: int | None
    labels_only: bool = False


class MergedRows:
    """The rows of a set in their order, then those that are new. Values of the run come before those that are there.

    A row that the run failed to compute stays as it was, if it had features. Columns that only the set has keep their
    values; they are null in new rows, and those that stages compute in rows whose clip has changed.
    Has the methods of `FeatureRows`.
    """

    def __init__(self, before: ExistingSet, run: FeatureRows) -> None:
        self._before, self._run = before, run
        self.all_features = _columns(before.features, run.all_features)
        columns = set(run.all_features)
        self._adds_columns = not columns <= set(before.features)
        self.withheld = tuple(line for line in run.withheld if not any(f"`{name}`" in line for name in before.features))
        found = match_rows([note.identity for note in before.notes], run.identities)
        self._run_ids = run.ids(range(len(run)))
        self._lacks = [name for name in before.features if name not in columns]
        taken = {position for position in found if position is not None}
        self._slots = [self._slot(row, position) for row, position in enumerate(found)]
        self._slots += [_Slot(None, position) for position in range(len(run)) if position not in taken]
        #: Rows of which the run computed nothing that is written.
        self.kept = sum(slot.here is None for slot in self._slots)

    def __len__(self) -> int:
        return len(self._slots)

    def _slot(self, there: int, here: int | None) -> _Slot:
        if here is None:
            return _Slot(there, None)
        note = self._before.notes[there]
        unchanged = note.computed == self._run_ids[here] and not self._adds_columns
        failed = self._run.failed[here] and self._before.statuses[there] == schema.OK
        if unchanged or failed:
            return _Slot(there, None)
        return _Slot(there, here, labels_only=note.identity.content != self._run.identities[here].content)

    def notes(self, rows: range) -> list[RowNote]:
        return [self._note(slot) for slot in self._slots[rows.start : rows.stop]]

    def _note(self, slot: _Slot) -> RowNote:
        if slot.here is None:
            old = self._before.notes[slot.there or 0]
            return RowNote(old.keys, old.identity, self._before.row_id(slot.there or 0), old.computed)
        (new,) = self._run.notes(range(slot.here, slot.here + 1), [self._run_ids[slot.here]])
        if slot.there is None:
            return new
        keys = (*new.keys, *(() if slot.labels_only else self._before.notes[slot.there].keys))
        kept = self._before.row_id(slot.there) if self._lacks else ""
        return RowNote(tuple(dict.fromkeys(keys)), new.identity, combined(str(new.id), kept), new.computed)

    def content(self, rows: range) -> str:
        return combined(str(self.all_features), *(str(note.id) for note in self.notes(rows)))

    def rows(self, ranges: list[range]) -> Iterator[pa.Table]:
        """All columns of each range."""
        for rows in ranges:
            yield pa.concat_tables(table for run in self._runs(rows) for table in self._tables(run))

    def _runs(self, rows: range) -> Iterator[list[_Slot]]:
        """Slots that lie side by side wherever their values come from."""
        slots = self._slots[rows.start : rows.stop]

        def apart(numbered: tuple[int, _Slot]) -> tuple[int | None, int | None, bool]:
            number, slot = numbered
            there, here = (None if one is None else one - number for one in (slot.there, slot.here))
            return there, here, slot.labels_only

        for _, run in groupby(enumerate(slots), apart):
            yield [slot for _, slot in run]

    def _tables(self, run: list[_Slot]) -> Iterator[pa.Table]:
        first, length = run[0], len(run)
        columns: dict[str, pa.ChunkedArray | pa.Array] = {}
        if first.there is not None:
            names = list(self._before.features) if first.here is None else self._lacks
            if first.labels_only:
                names = [name for name in names if not is_computed(name)]
            if names:
                size = piece_rows(Features({name: self._before.features[name] for name in names}))
                table = pa.concat_tables(self._before.tables(range(first.there, first.there + length), names, size))
                columns |= {name: table.column(name) for name in names}
        if first.here is not None:
            (table,) = self._run.rows([range(first.here, first.here + length)])
            columns |= {name: table.column(name) for name in table.column_names}
        types = self.all_features.arrow_schema
        yield pa.table(
            [
                nulls(length, kind) if name not in columns else _cast(columns[name], types.field(name).type)
                for name, kind in self.all_features.items()
            ],
            schema=types,
        )


def _cast(column: pa.ChunkedArray | pa.Array, kind: pa.DataType) -> pa.ChunkedArray | pa.Array:
    return column if column.type == kind else column.cast(kind)


def _columns(there: Features, here: Features) -> Features:
    """The columns of a set, those that only the run has, and at the end how each row ended."""
    ends = (schema.STATUS, schema.ERROR)
    names = [*dict.fromkeys(name for name in (*there, *here) if name not in ends), *ends]
    both = {name: here[name] if name not in there else there[name] for name in (*here, *there)}
    both |= {name: together(there[name], here[name]) for name in here if name in there}
    return Features({name: both[name] for name in names if name in both})
