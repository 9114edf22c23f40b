"""Columns that somebody named with `include`: which of them need `media`, because they are or may be recordings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
from datasets import ClassLabel, Features, Value

from emollama_hf.privacy.allowed_columns import why_held_back
from emollama_hf.privacy.column_values import ColumnValues
from emollama_hf.privacy.media import may_show_people
from emollama_hf.privacy.numbered_columns import numbered_columns
from emollama_hf.privacy.row_numbers import columns_as_rows, number_rows
from emollama_hf.privacy.signal_look import looks_like_signal

LOOKS_LIKE_SIGNAL = "numbers that look like a picture, a film or a sound"


def why_media(name: str, feature: Any, values: ColumnValues) -> str | None:
    """Why a column that somebody named needs `media` as well, and is never written into the directory of `extract`.

    Args:
        name: of the column.
        feature: its type.
        values: what `look_at_values` and `look_for_signals` found.

    Returns:
        What the column holds, in words, or None if it may leave without `media`.
    """
    if may_show_people(name, feature, values.sides):
        return "recordings or pictures of people, or what may be some"
    return LOOKS_LIKE_SIGNAL if values.is_signal else None


def look_for_signals(
    features: Features,
    values: Mapping[str, ColumnValues],
    include: Collection[str],
    tables: Callable[[list[str]], Iterator[pa.Table]],
) -> dict[str, ColumnValues]:
    """Look at every row of the columns that somebody named for pictures, films and sounds in any type of numbers.

    Args:
        features: of the data set.
        values: what `look_at_values` found.
        include: names of columns.
        tables: reads columns, all rows in order.

    Returns:
        `values` with `ColumnValues.is_signal` where a row looks like one.
    """
    named = {name: features[name] for name in include if name in features}
    alone = [name for name, kind in named.items() if _is_unknown(name, kind, values.get(name))]
    together = list(numbered_columns(named).values())
    found: set[str] = set()
    columns = list(dict.fromkeys([*alone, *(name for names in together for name in names)]))
    for table in tables(columns) if columns else ():
        found.update(name for name in alone if name not in found and _any(number_rows(table.column(name))))
        for names in together:
            if names[0] not in found and _any(columns_as_rows([table.column(name) for name in names])):
                found.update(names)
    return {**values, **{name: replace(values.get(name, ColumnValues()), is_signal=True) for name in found}}


def _is_unknown(name: str, kind: Any, values: ColumnValues | None) -> bool:
    """Whether only the values can say whether a column needs `media`: several numbers, and no type that needs it."""
    if isinstance(kind, ClassLabel | Value) or why_held_back(name, kind, values) is None:
        return False
    return not may_show_people(name, kind, () if values is None else values.sides)


def _any(rows: Iterator[Any]) -> bool:
    return any(looks_like_signal(some) for some in rows)
