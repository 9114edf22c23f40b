"""The columns of a data set that `extract` does not write: what is not allowed, and what nobody named."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import pyarrow as pa
from datasets import Dataset

from emollama_hf.feature_set.feature_rows import piece_rows
from emollama_hf.privacy.allowed_columns import computed_shapes, reasons_held_back
from emollama_hf.privacy.column_values import ColumnValues, columns_to_look_at, look_at_values
from emollama_hf.privacy.included_columns import look_for_signals, why_media

READ_ROWS = 256


def held_back(ds: Dataset, include: Collection[str]) -> dict[str, str]:
    """Columns of a data set that are not written, and why.

    Args:
        ds: the data set, its videos undecoded.
        include: columns that somebody named (`check_included`).

    Returns:
        What each column holds, in words, by its name; `file_name` is always written.
    """
    reasons = reasons_held_back(ds.features, _values(ds, computed_shapes()))
    # A name of a file may be long or have a line break, and rows without names can be neither pushed nor exported.
    always = ("file_name", *include)
    return {name: reason for name, reason in reasons.items() if name not in always}


def check_included(ds: Dataset, include: Collection[str], *, out: Path | None) -> None:
    """Raise ValueError for a named column that does not exist, that is never written, or that nothing would write."""
    unknown = [name for name in include if name not in ds.features]
    if unknown:
        raise ValueError(f"include: {unknown[0]!r} is no column; the columns are {', '.join(ds.column_names)}.")
    if include and out is None:
        raise ValueError(
            f"include={tuple(include)!r} would have no effect: nothing is written without out. Leave it out."
        )
    values = look_for_signals(ds.features, _values(ds, include), include, lambda columns: _tables(ds, columns))
    for name in include:
        reason = why_media(name, ds.features[name], values.get(name, ColumnValues()))
        if reason is not None:
            raise ValueError(
                f"include: {name!r} holds {reason}, and none are written to out. "
                "Leave it out: the data set that extract returns has the column, and push publishes it from "
                "there, and no other recording, with include= and media=True."
            )


def _values(ds: Dataset, lists: Collection[str]) -> dict[str, ColumnValues]:
    columns = columns_to_look_at(ds.features, lists)
    return look_at_values(_tables(ds, columns)) if columns else {}


def _tables(ds: Dataset, columns: list[str]) -> Iterator[pa.Table]:
    some = ds.select_columns(columns)
    yield from some.with_format("arrow").iter(batch_size=min(READ_ROWS, piece_rows(some.features)))
