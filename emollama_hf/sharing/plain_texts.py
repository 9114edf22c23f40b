"""Texts of rows as everything after can read them: of the ordinary type of Arrow, and UTF-8."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from datasets import Features, LargeList, List, Value

from emollama_hf.errors import ShareError

#: Types that differ in how values lie in memory alone, and that not every function of pyarrow takes.
_ORDINARY = {"string_view": "string", "binary_view": "binary"}


def ordinary_features(features: Features) -> Features:
    """Features with ordinary texts and bytes in the place of views, at any depth; values stay as they are."""
    return Features({name: _ordinary(feature) for name, feature in features.items()})


def checked_texts(table: pa.Table, features: Features) -> pa.Table:
    """Rows with the types of `ordinary_features`.

    Args:
        table: some rows.
        features: the ordinary features, of at least the table's columns.

    Returns:
        The table; without views it is returned as it is.

    Raises:
        ShareError: a text is not UTF-8, which Arrow stores and most readers refuse.
    """
    for name in table.column_names:
        if not _has_text(table.schema.field(name).type):
            continue
        try:
            table.column(name).validate(full=True)
        except pa.ArrowInvalid as error:
            said = " ".join(str(error).split())[:120]
            raise ShareError(
                f"column {name!r:.120} holds values that cannot be read ({said}); expected text in UTF-8. Mend the "
                "values, or drop the column."
            ) from error
    wanted = Features({name: features[name] for name in table.column_names}).arrow_schema
    odd = [name for name in table.column_names if _has_view(table.schema.field(name).type)]
    for name in odd:
        at = table.schema.get_field_index(name)
        table = table.set_column(at, wanted.field(name), table.column(name).cast(wanted.field(name).type))
    return table


def _ordinary(feature: Any) -> Any:
    if isinstance(feature, Value):
        return Value(_ORDINARY.get(feature.dtype, feature.dtype))
    if isinstance(feature, List):
        return List(_ordinary(feature.feature), length=feature.length)
    if isinstance(feature, LargeList):
        return LargeList(_ordinary(feature.feature))
    if isinstance(feature, dict):
        return {name: _ordinary(inner) for name, inner in feature.items()}
    return feature


def _has_text(kind: pa.DataType) -> bool:
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return text or any(_has_text(inner) for inner in _inner(kind))


def _has_view(kind: pa.DataType) -> bool:
    view = pa.types.is_string_view(kind) or pa.types.is_binary_view(kind)
    return view or any(_has_view(inner) for inner in _inner(kind))


def _inner(kind: pa.DataType) -> list[pa.DataType]:
    if isinstance(kind, pa.ExtensionType):
        return [kind.storage_type]
    if pa.types.is_dictionary(kind):
        return [kind.value_type]
    return [kind.field(index).type for index in range(kind.num_fields)]
