"""What a card says of rows without showing them: how many there are, how they ended, labels, face coverage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import ClassLabel, Features, Value

from emollama_hf import schema
from emollama_hf.privacy.personal_columns import look_of_column
from emollama_hf.privacy.personal_values import MOMENT, PLACE
from emollama_hf.stages.known_columns import known_columns

#: Bars of the histogram of face coverage, from 0 to 1.
COVERAGE_BINS = 10
#: A column with more different values in one file is no label, and neither is one that differs in most rows.
MOST_VALUES = 200
FEW_VALUES = 20
#: Characters of a label.
MOST_CHARACTERS = 40
NULL = "null"
LABEL_TYPES = (*schema.ROW_NAME_TYPES, "bool")


@dataclass(frozen=True)
class FileCounts:
    """rows: how many. status: rows by `emollama_status`. labels: for each column of labels, rows by value as text.

    coverage: rows by `face_coverage`, in `COVERAGE_BINS` equal steps; empty if there is no such column.
    """

    rows: int = 0
    status: dict[str, int] = field(default_factory=dict)
    labels: dict[str, dict[str, int]] = field(default_factory=dict)
    coverage: list[int] = field(default_factory=list)


class RowCounter:
    """Counts rows while they pass by.

    features: types of their columns. not_labels: columns that name rows.
    """

    def __init__(self, features: Features, *, not_labels: Iterable[str] = ()) -> None:
        # How many clips have a track is counted as labels are; other computed columns have a value of their own a row.
        left_out = {*known_columns(), schema.STATUS, schema.ERROR, *schema.ROW_NAMES, *not_labels} - {schema.HAS_AUDIO}
        self._features = features
        self._labels: dict[str, Counter[str]] = {
            name: Counter() for name, kind in features.items() if name not in left_out and _may_be_label(kind)
        }
        self._rows = 0
        self._status: Counter[str] = Counter()
        self._coverage = np.zeros(COVERAGE_BINS, np.int64)

    def watch(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """The tables again, counted."""
        for table in tables:
            self.add(table)
            yield table

    def add(self, table: pa.Table) -> None:
        self._rows += table.num_rows
        if schema.STATUS in table.column_names:
            self._status.update(value or schema.OK for value in table.column(schema.STATUS).to_pylist())
        else:
            self._status[schema.OK] += table.num_rows
        for name in list(self._labels):
            self._labels[name].update(_texts(table.column(name), self._features[name]))
            if len(self._labels[name]) > MOST_VALUES:
                del self._labels[name]
        if schema.FACE_COVERAGE in table.column_names:
            values = table.column(schema.FACE_COVERAGE).drop_null().to_numpy()
            self._coverage += np.histogram(values, bins=COVERAGE_BINS, range=(0, 1))[0]

    def counts(self) -> FileCounts:
        return FileCounts(
            rows=self._rows,
            status=dict(sorted(self._status.items())),
            labels={
                name: dict(sorted(values.items())) for name, values in self._labels.items() if self._are_labels(name)
            },
            coverage=self._coverage.tolist() if schema.FACE_COVERAGE in self._features else [],
        )

    def _are_labels(self, name: str) -> bool:
        """Whether values can be told by name: few of them, and no notes, moments or places."""
        values, feature = self._labels[name], self._features[name]
        if len(values) > max(FEW_VALUES, self._rows // 2):
            return False
        texts = [text for text in values if text != NULL]
        is_short = all(len(text) <= MOST_CHARACTERS and text.isprintable() for text in texts)
        known = [int(text) for text in texts] if _is_whole(feature) else texts
        return is_short and look_of_column(name, feature, known) not in (MOMENT, PLACE)


def merged_counts(several: list[FileCounts]) -> FileCounts:
    """The counts of several files together. A column that is too varied in one of them is none."""
    names = [name for name in several[0].labels if all(name in one.labels for one in several)] if several else []
    return FileCounts(
        rows=sum(one.rows for one in several),
        status=_sum(one.status for one in several),
        labels={name: _sum(one.labels[name] for one in several) for name in names},
        coverage=[sum(bars) for bars in zip(*(one.coverage for one in several if one.coverage), strict=True)],
    )


def _is_whole(feature: Any) -> bool:
    return isinstance(feature, Value) and "int" in feature.dtype


def _sum(several: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in several:
        total.update(one)
    return dict(sorted(total.items()))


def _may_be_label(feature: Any) -> bool:
    return isinstance(feature, ClassLabel) or (isinstance(feature, Value) and feature.dtype in LABEL_TYPES)


def _texts(column: pa.ChunkedArray, feature: Any) -> Iterator[str]:
    for value in column.to_pylist():
        if value is None:
            yield NULL
        elif isinstance(feature, ClassLabel):
            yield feature.names[value] if 0 <= value < len(feature.names) else str(value)
        else:
            yield str(value)
