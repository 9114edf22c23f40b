"""The rows that are probed: those with a label, a group, a fold and every feature; the others are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pyarrow.compute as pc
from datasets import ClassLabel, Dataset

from emollama_hf import schema
from emollama_hf.feature_set.feature_rows import piece_rows
from emollama_hf.probing.label_values import Labels, read_labels, whole_numbers
from emollama_hf.probing.probe_error import ProbeError, check_column
from emollama_hf.text.few_of_many import few_and_more

#: Rows whose nulls are looked for together.
_ROWS_AT_ONCE = 1000
#: The number of a `ClassLabel` that stands for no label in data sets that hide those of their test split.
NO_LABEL = -1


class RowColumns(Protocol):
    """Which columns hold labels, groups and folds, and which class is the positive one; `ProbeOptions` has them.

    A group of None: each row is a group of its own.
    """

    @property
    def label(self) -> str: ...
    @property
    def group(self) -> str | None: ...
    @property
    def fold(self) -> str | None: ...
    @property
    def positive(self) -> str | None: ...


@dataclass(frozen=True)
class ProbeRows:
    """Rows of a data set that are probed.

    indices: (n,) int64, their positions in the data set, rising. names: what each row is called. groups: (n,) int64,
    the number of each row's group; group_names: of these numbers. folds: (n,) int64 and fold_names where folds are
    given, else None. left_out: how many rows are left out, by reason.
    """

    indices: np.ndarray
    names: tuple[str, ...]
    labels: Labels
    groups: np.ndarray
    group_names: tuple[str, ...]
    folds: np.ndarray | None
    fold_names: tuple[str, ...]
    left_out: dict[str, int]

    def __len__(self) -> int:
        return len(self.indices)

    def only(self, positions: np.ndarray) -> ProbeRows:
        """Some of the rows: their groups are numbered anew, the classes and the folds' names stay as they are.

        Args:
            positions: (m,) positions among these rows.
        """
        present, groups = np.unique(self.groups[positions], return_inverse=True)
        return replace(
            self,
            indices=self.indices[positions],
            names=tuple(self.names[row] for row in positions),
            labels=replace(self.labels, numbers=self.labels.numbers[positions]),
            groups=groups.astype(np.int64),
            group_names=tuple(self.group_names[group] for group in present),
            folds=None if self.folds is None else self.folds[positions],
        )


def read_rows(ds: Dataset, features: Sequence[str], options: RowColumns, *, use: str = "probed") -> ProbeRows:
    """The rows that have a label, a group, a fold where folds are given, and every feature column that is used.

    Args:
        ds: The data set.
        features: Columns whose nulls leave a row out: all columns are compared on the same rows.
        options: Which columns hold labels, groups and folds.
        use: What the rows are read for, as messages say it: "probed", "trained on".

    Returns:
        The rows.

    Raises:
        ProbeError: An unknown column, a blank group, no row that is left, or what `read_labels` says.
    """
    for option in ("label", "group", "fold"):
        name = getattr(options, option)
        if name is not None:
            check_column(name, ds.column_names, option=option)
    reasons = _reasons(ds, features, options)
    if len(reasons) == len(ds):
        kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(reasons.values()).most_common())
        raise ProbeError(f"none of the {len(ds)} rows can be {use}{f': {kinds}' if kinds else ''}.")
    indices = np.array([row for row in range(len(ds)) if row not in reasons], np.int64)
    labels = read_labels(
        _picked(column_values(ds, options.label), indices), ds.features[options.label], column=options.label,
        positive=options.positive,
    )  # fmt: skip
    names = row_names(ds)
    picked = tuple(names[row] for row in indices)
    if options.group is None:
        groups, group_names = np.arange(len(indices)), list(picked)
    else:
        groups, group_names = _numbered(_picked(column_values(ds, options.group), indices), options.group, "group")
    folds: np.ndarray | None = None
    fold_names: list[str] = []
    if options.fold is not None:
        folds, fold_names = _numbered(_picked(column_values(ds, options.fold), indices), options.fold, "fold")
    return ProbeRows(
        indices=indices,
        names=picked,
        labels=labels,
        groups=groups,
        group_names=tuple(group_names),
        folds=folds,
        fold_names=tuple(fold_names),
        left_out=dict(Counter(reasons.values())),
    )


def column_values(ds: Dataset, name: str) -> list[Any]:
    """The values of a column as Python objects, without what a format of the data set makes of them."""
    values = ds.select_columns([name]).with_format("arrow")[:].column(0)
    listed: list[Any] = values.to_pylist()
    return listed


def row_names(ds: Dataset) -> list[str]:
    """What each row is called: the first column of names whose values differ, else the row's position."""
    for name in schema.ROW_NAMES:
        if name in ds.column_names:
            values = column_values(ds, name)
            if None not in values and len(set(values)) == len(values):
                return [str(value) for value in values]
    return [str(row) for row in range(len(ds))]


def null_rows(ds: Dataset, name: str) -> Iterator[int]:
    """Positions of the rows in which a column is null; reads no more than a thousand rows at a time, and few large."""
    first, some = 0, ds.select_columns([name])
    for table in some.with_format("arrow").iter(batch_size=min(_ROWS_AT_ONCE, piece_rows(some.features))):
        column = table.column(0)
        if column.null_count:
            yield from (first + row for row, null in enumerate(pc.is_null(column).to_pylist()) if null)
        first += table.num_rows


def _reasons(ds: Dataset, features: Sequence[str], options: RowColumns) -> dict[int, str]:
    """Why rows are left out, by position: the first reason that holds."""
    reasons: dict[int, str] = {}
    if schema.STATUS in ds.column_names:
        for row, status in enumerate(column_values(ds, schema.STATUS)):
            if status not in (None, schema.OK):
                reasons[row] = f"failed ({status})"
    for name in features:
        for row in null_rows(ds, name):
            reasons.setdefault(row, f"without {name}")
    for named in (options.label, options.group, options.fold):
        for row in () if named is None else _unknown_rows(ds, named):
            reasons.setdefault(row, f"without {named}")
    if isinstance(ds.features[options.label], ClassLabel):
        for row, value in enumerate(column_values(ds, options.label)):
            if value == NO_LABEL:
                reasons.setdefault(row, f"without {options.label}")
    return reasons


def _unknown_rows(ds: Dataset, name: str) -> Iterator[int]:
    """Positions of the rows in which a column is null or NaN, as tables write what they do not know."""
    yield from null_rows(ds, name)
    feature = ds.features[name]
    if schema.shape_of(feature) == () and schema.dtype_of(feature).startswith("float"):
        yield from (row for row, value in enumerate(column_values(ds, name)) if value != value)


def _picked(values: Sequence[Any], indices: np.ndarray) -> list[Any]:
    return [values[row] for row in indices]


def _numbered(values: Sequence[Any], column: str, option: str) -> tuple[np.ndarray, list[str]]:
    """Values as numbers, and what each number stands for, in the order of the values."""
    values = whole_numbers(values)
    kinds = {type(value).__name__ for value in values}
    if len(kinds) > 1 or not kinds <= {"str", "int", "bool"}:
        raise ProbeError(
            f"{option}={column!r} has values of type {', '.join(sorted(kinds))}, expected texts or whole numbers, all "
            "of one type."
        )
    distinct = sorted(set(values))
    blank = [value for value in distinct if isinstance(value, str) and (not value or value != value.strip())]
    if blank:
        raise ProbeError(
            f"{option}={column!r} has values that are empty or have blanks around them: "
            f"{few_and_more(blank, show=repr)}. They would be a {option} of their own: correct them."
        )
    number = {value: index for index, value in enumerate(distinct)}
    return np.array([number[value] for value in values], np.int64), [str(value) for value in distinct]
