"""Names of classes that no row has any more: a name may be a person's, and stands in the type of its column."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import ClassLabel, Features

from emollama_hf.feature_set.manifest import Manifest
from emollama_hf.sharing.places.place import Place

READ_ROWS = 10_000
#: For each row of a table whether it goes.
Rule = Callable[[pa.Table], list[bool]]
#: By column.
Names = dict[str, set[str]]


@dataclass(frozen=True)
class Condition:
    """Which rows of a configuration go. columns: those that `rule` reads. files: those that have such rows."""

    columns: Collection[str]
    rule: Rule
    files: Collection[str]


def unused_names(place: Place, manifest: Manifest, goes: Mapping[str, Condition], named: Names) -> dict[str, Names]:
    """Class names that no row has once some rows are gone, and which those rows have, or which were `named`.

    Args:
        place: where the rows are read.
        manifest: what is there.
        goes: by configuration the rows that go.
        named: names that are looked for, too, by column.

    Returns:
        By configuration the names that are to go from each column: only these, so that a class which nobody has yet
        stays.
    """
    candidates: Names = {column: set(names) for column, names in named.items()}
    used: dict[str, Names] = {}
    for config, described in manifest.configs.items():
        columns = [name for name, kind in described.features.items() if isinstance(kind, ClassLabel)]
        if not columns:
            continue
        used[config] = {column: set() for column in columns}
        condition = goes.get(config)
        for path in described.files:
            here = condition if condition is not None and path in condition.files else None
            for table, going in _tables(place, path, columns, here):
                for column in columns:
                    names = described.features[column].names
                    for value, goes_too in zip(table.column(column).to_pylist(), going, strict=True):
                        if value is not None and 0 <= value < len(names):
                            found = candidates.setdefault(column, set()) if goes_too else used[config][column]
                            found.add(names[value])
    gone = {
        config: {
            column: unused
            for column, kept in columns.items()
            if (unused := (candidates.get(column, set()) & set(manifest.configs[config].features[column].names)) - kept)
        }
        for config, columns in used.items()
    }
    return {config: names for config, names in gone.items() if names}


def without_names(features: Features, gone: Names) -> Features:
    """The types without some names of classes."""
    return Features(
        {
            column: ClassLabel(names=[name for name in kind.names if name not in gone[column]])
            if column in gone
            else kind
            for column, kind in features.items()
        }
    )


def renumbered(table: pa.Table, before: Features, after: Features) -> pa.Table:
    """A table whose numbers of classes mean the same names in `after` as they meant in `before`."""
    for index, column in enumerate(table.column_names):
        old, new = before[column], after[column]
        if isinstance(old, ClassLabel) and isinstance(new, ClassLabel) and old.names != new.names:
            numbers = {number: new.names.index(name) for number, name in enumerate(old.names) if name in new.names}
            values = [numbers.get(value) for value in table.column(column).to_pylist()]
            table = table.set_column(index, column, pa.array(values, pa.int64()))
    return table


def joined_names(
    there: Features, here: Features, tables: Callable[[], Iterator[pa.Table]], is_sent: Callable[[pa.Table], list[bool]]
) -> Features:
    """The types of published rows, with the names of classes of further rows behind their own.

    Args:
        there: types of the published rows.
        here: types of the further rows.
        tables: all of these, gone through only where names of classes differ.
        is_sent: for each row of a table whether it may be published: names that only others have stay here.
    """
    columns = [
        name
        for name, kind in here.items()
        if isinstance(kind, ClassLabel) and isinstance(there[name], ClassLabel) and kind.names != there[name].names
    ]
    if not columns:
        return there
    used: Names = {column: set() for column in columns}
    for table in tables():
        sent = is_sent(table)
        for column in columns:
            numbers = {value for value, one in zip(table.column(column).to_pylist(), sent, strict=True) if one}
            used[column] |= {here[column].names[value] for value in numbers - {None}}
    added = {
        column: ClassLabel(
            names=[
                *there[column].names,
                *(name for name in here[column].names if name in used[column] and name not in there[column].names),
            ]
        )
        for column in columns
    }
    return Features({name: added.get(name, kind) for name, kind in there.items()})


def nested_class_names(features: Features) -> list[str]:
    """Columns that have classes within lists or structures, whose names stay."""
    return [name for name, kind in features.items() if not isinstance(kind, ClassLabel) and _has_classes(kind)]


def _has_classes(kind: object) -> bool:
    if isinstance(kind, ClassLabel):
        return True
    inner = list(kind.values()) if isinstance(kind, dict) else kind if isinstance(kind, list) else []
    feature = getattr(kind, "feature", None)
    return any(_has_classes(one) for one in (*inner, *([] if feature is None else [feature])))


def _tables(
    place: Place, path: str, columns: Collection[str], condition: Condition | None
) -> Iterator[tuple[pa.Table, list[bool]]]:
    wanted = list(dict.fromkeys([*columns, *(condition.columns if condition is not None else ())]))
    with place.open(path) as remote, pq.ParquetFile(remote, pre_buffer=False) as file:
        for batch in file.iter_batches(READ_ROWS, columns=wanted, use_threads=False):
            table = pa.Table.from_batches([batch])
            yield table, condition.rule(table) if condition is not None else [False] * table.num_rows
