"""The rows that become the files of a feature data set, read range by range."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa
from datasets import Dataset, Features

from emollama_hf import schema
from emollama_hf.feature_set.row_identity import UNKNOWN, RowIdentity
from emollama_hf.feature_set.row_notes import RowNote
from emollama_hf.files.digest import combined
from emollama_hf.planning.content import value_digest
from emollama_hf.rows import Rows
from emollama_hf.work_store.stored_rows import MOST_ROWS

#: Bytes of what is read at a time.
PIECE_BYTES = 16_000_000


class SetRows(Protocol):
    """What goes into the files. withheld: what is not among the columns, a sentence each."""

    @property
    def all_features(self) -> Features: ...

    @property
    def withheld(self) -> tuple[str, ...]: ...

    def __len__(self) -> int: ...

    def rows(self, ranges: list[range]) -> Iterator[pa.Table]:
        """All columns of each range."""
        ...

    def content(self, rows: range) -> str:
        """Digest of all that is written for some rows."""
        ...

    def notes(self, rows: range) -> list[RowNote]:
        """What the work store is to know of some rows."""
        ...


@dataclass(frozen=True)
class FeatureRows:
    """Columns that are there, and new ones that are read range by range.

    labels: the columns that the data set came with. features: types of the new columns. row_ids: for each row what
    changes when its new columns do. keys: for each row those by which the work store knows it. withheld: what
    is not among the columns, a sentence each. tables: the new columns for each of some ascending ranges of rows.
    identities: what tells each row from others, if that is known. failed: whether each row has no features.
    """

    labels: Dataset | None
    features: Features
    row_ids: list[str]
    keys: list[list[str | None]]
    withheld: tuple[str, ...]
    tables: Callable[[Iterator[range]], Iterator[pa.Table]]
    identities: Sequence[RowIdentity] = ()
    failed: Sequence[bool] = field(default=())
    _ids: dict[range, list[str]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.row_ids)

    @property
    def all_features(self) -> Features:
        return Features({**(self.labels.features if self.labels is not None else {}), **self.features})

    def rows(self, ranges: list[range]) -> Iterator[pa.Table]:
        """All columns of each range; the ranges ascend."""
        arrow_schema = self.all_features.arrow_schema
        for rows, table in zip(ranges, self.tables(iter(ranges)), strict=True):
            given = [] if self.labels is None else self.labels.with_format("arrow")[rows.start : rows.stop].columns
            yield pa.table([*given, *table.columns], schema=arrow_schema)

    def ids(self, rows: range) -> list[str]:
        """For each of some rows what changes with any of its values."""
        if rows not in self._ids:
            self._ids[rows] = self._find_ids(rows)
        return self._ids[rows]

    def _find_ids(self, rows: range) -> list[str]:
        labels: list[list[str]] = [[] for _ in rows]
        if self.labels is not None:
            given = Rows.from_batch(self.labels.with_format("arrow")[rows.start : rows.stop])
            labels = [
                [part for name in given.names for part in (name, value_digest(given.value(name, i)))]
                for i in range(given.length)
            ]
        return [combined(*parts, id_) for parts, id_ in zip(labels, self.row_ids[rows.start : rows.stop], strict=True)]

    def content(self, rows: range) -> str:
        """Digest of all that is written for some rows."""
        return combined(str(self.all_features), *self.ids(rows))

    def notes(self, rows: range, ids: Sequence[str] | None = None) -> list[RowNote]:
        """What the work store is to know of some rows. ids: theirs, if somebody has them."""
        known = self.identities or [UNKNOWN] * len(self)
        return [
            RowNote(tuple(self.keys[row]), known[row], id_, id_)
            for row, id_ in zip(rows, self.ids(rows) if ids is None else ids, strict=True)
        ]


def row_bytes(features: Features) -> int:
    """About how many bytes a row takes, pictures included."""
    pictures = 500_000 if schema.PEAK_FRAME in features else 0
    return max(1, schema.row_bytes(features) + pictures)


def piece_rows(features: Features) -> int:
    """How many rows of these columns are read at a time."""
    return min(MOST_ROWS, max(1, PIECE_BYTES // row_bytes(features)))
