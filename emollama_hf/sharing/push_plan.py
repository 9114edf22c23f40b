"""What a push has to do: which rows are new, which are there already, and which would replace others."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from datasets import ClassLabel, Features, Value

from emollama_hf import schema
from emollama_hf.errors import ShareError
from emollama_hf.feature_set.manifest import ROW_DIGITS, FeatureConfig
from emollama_hf.files.digest import combined
from emollama_hf.planning.content import value_digest
from emollama_hf.rows import Rows
from emollama_hf.sharing.names.row_names import forgotten_name, unique
from emollama_hf.text.few_of_many import few_and_more
from emollama_hf.work_store.arrow_columns import nulls

HINT = "Mend it, or name rows by another column (--key, key=)."


@dataclass(frozen=True)
class PushPlan:
    """digests: of the rows to be written, by their names. failed: those of them without features.

    replaced: names of published rows that they replace. unchanged: how many rows are there as they are. forgotten: how
    many are not published because they were forgotten there.
    """

    digests: dict[str, str]
    failed: frozenset[str]
    replaced: frozenset[str]
    unchanged: int
    forgotten: int


def row_digests(tables: Iterable[pa.Table], key: str) -> dict[str, tuple[str, str]]:
    """Digest and status of each row by its name; of all columns but the message of a failure.

    Raises ShareError for a row without a name, and for two of one name.
    """
    names: list[str | None] = []
    found: list[tuple[str, str]] = []
    for table in tables:
        rows = Rows.from_batch(table)
        columns = [name for name in rows.names if name != schema.ERROR]
        digests = {name: [value_digest(value) for value in rows.values(name)] for name in columns}
        statuses = rows.values(schema.STATUS)
        for row, name in enumerate(rows.values(key)):
            names.append(None if name is None else str(name))
            digest = combined(*(part for column in columns for part in (column, digests[column][row])))
            found.append((digest[:ROW_DIGITS], statuses[row] or schema.OK))
    unique(names, key, HINT)
    return dict(zip((str(name) for name in names), found, strict=True))


def plan_rows(
    rows: dict[str, tuple[str, str]],
    published: FeatureConfig | None,
    *,
    replace: bool,
    forgotten: Collection[str] = (),
    lacking: Collection[str] = (),
) -> PushPlan:
    """Compare rows with those that are published.

    rows: as `row_digests` gives them. replace: whether they may replace published rows of their names. A published row
    without features is always replaced by one that has them. forgotten: digests of the names of rows that stay
    away, because somebody withdrew. lacking: published columns that the rows do not have.
    Raises ShareError for other rows that would replace.
    """
    gone = frozenset(forgotten)
    all_rows = rows
    rows = {name: row for name, row in all_rows.items() if forgotten_name(name) not in gone} if gone else all_rows
    files = list(published.files.values()) if published else []
    there = {name: digest for file in files for name, digest in file.rows.items()}
    failed = {name for file in files for name in file.failed}
    new = {name: row for name, row in rows.items() if there.get(name) != row[0]}
    taken = frozenset(name for name in new if name in there)
    refused = sorted(name for name in taken if name not in failed or new[name][1] != schema.OK)
    if refused and not replace:
        absent = f" Published rows have {', '.join(lacking)}, which these lack (--include)." if lacking else ""
        raise ShareError(
            f"{len(refused)} rows are published already with other values: {few_and_more(refused, show=repr)}.{absent} "
            "Replace them (--replace, replace=True), or leave them out."
        )
    return PushPlan(
        digests={name: digest for name, (digest, _) in new.items()},
        failed=frozenset(name for name, (_, status) in new.items() if status != schema.OK),
        replaced=taken,
        unchanged=len(rows) - len(new),
        forgotten=len(all_rows) - len(rows),
    )


def fitted(table: pa.Table, features: Features, lacking: Iterable[str]) -> pa.Table:
    """A table in the columns of published rows. lacking: columns that it does not have: nulls."""
    columns = {name: nulls(table.num_rows, features[name]) for name in lacking}
    columns |= {name: table.column(name) for name in table.column_names}
    return pa.table([columns[name] for name in features], schema=features.arrow_schema)


def lacking_labels(there: Features, here: Features) -> list[str]:
    """Published columns that new rows do not have. Raises ShareError if they have others, or of other types."""
    extra = [name for name in here if name not in there]
    if extra:
        raise ShareError(
            f"the published rows have no column {', '.join(extra)}. Leave it out (--drop {extra[0]}, "
            f"drop=({extra[0]!r},)), or push to another configuration (--config, config_name=)."
        )
    for name, kind in here.items():
        classes = isinstance(kind, ClassLabel) and isinstance(there[name], ClassLabel)  # joined by their names
        if kind != there[name] and not classes and not (_is_text(kind) and _is_text(there[name])):
            raise ShareError(
                f"column {name}: {there[name]} there, {kind} here. Cast it (ds.cast_column), or push to another "
                "configuration (--config, config_name=)."
            )
    return [name for name in there if name not in here]


def _is_text(kind: Any) -> bool:
    return isinstance(kind, Value) and kind.dtype in ("string", "large_string")
