"""Types of the columns of a table of labels: one rule, so that a label has the same type by every route.

A column is text unless every value in it is a number that is written back the same: `0012`, `1e5`, `1.50` and a number
of 23 digits stay text. The columns of a known layout have the types that its builder declares.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import pyarrow as pa
from datasets import ClassLabel, Features, Value

from emollama_hf import schema
from emollama_hf.errors import SourceError
from emollama_hf.files.tables import Table

#: What names a clip, a person or a moment is text, whatever it looks like.
IDENTIFIERS = (*schema.CLIP_FILE_NAMES, "participant_id", "instance_gmt")
MIND_WANDERING: dict[str, Any] = {
    "participant_id": Value("string"),
    "instance_gmt": Value("string"),
    "uuid": Value("string"),
    "mw_label": ClassLabel(names=["NonMW", "MW"]),
    "test_fold_num": Value("int64"),
}
MER2023: dict[str, Any] = {
    "name": Value("string"),
    "discrete": ClassLabel(names=["neutral", "angry", "happy", "sad", "worried", "surprise"]),
    "valence": Value("float32"),
}
#: A table is of a layout if it has the layout's column of classes, and no other classes in it.
LAYOUTS = (MIND_WANDERING, MER2023)
WHOLE_NUMBER = re.compile(r"-?\d{1,19}", re.ASCII)
DECIMAL_NUMBER = re.compile(r"-?\d+\.\d+(e[-+]\d+)?|-?\d(\.\d+)?e[-+]\d+", re.ASCII)
ANY_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*", re.ASCII | re.IGNORECASE)
#: pandas writes 1.0 for a column of whole numbers that had a gap.
FOLD = re.compile(r"\d{1,9}(\.0+)?", re.ASCII)


class Column(NamedTuple):
    """feature: of `datasets`. values: one for each row, None for an empty cell."""

    feature: Any
    values: list[Any]


def typed_column(table: Table, name: str) -> Column:
    """The values of a column, and their type."""
    texts = table.texts(name)
    if name in IDENTIFIERS:
        return _as(Value("string"), texts)
    declared = _declared_types(table).get(name)
    if declared is not None and all(_fits(declared, text) for text in texts):
        return _as(declared, texts)
    if table.features.get(name) == Value("large_string"):
        return _as(Value("string"), texts)
    if name in table.features:
        return Column(table.features[name], table.values[name])
    return _of_json(table.values[name], texts) if name in table.values else infer(texts)


def infer(texts: Sequence[str]) -> Column:
    """int64 or float64 where every value, written back, is the text that was read; otherwise text.

    Example:
        >>> infer(["1", "", "20"])
        Column(feature=Value('int64'), values=[1, None, 20])
        >>> infer(["1", "020"]).values
        ['1', '020']
    """
    filled = [text for text in texts if text]
    if filled and all(map(_is_whole, filled)):
        return Column(Value("int64"), [int(text) if text else None for text in texts])
    if filled and all(map(_is_decimal, filled)):
        return Column(Value("float64"), [float(text) if text else None for text in texts])
    return _as(Value("string"), texts)


def look_like_numbers(texts: Sequence[str]) -> bool:
    """Whether every value is a number, in whatever way it is written."""
    filled = [text for text in texts if text]
    return bool(filled) and all(map(ANY_NUMBER.fullmatch, filled))


def encoded(column: Column, known: Any) -> Column:
    """A column of text as the classes that a data set has under its name already, if each value is one of them."""
    if not isinstance(known, ClassLabel) or known.names is None or column.feature != Value("string"):
        return column
    if any(value is not None and value not in known.names for value in column.values):
        return column
    return _as(known, [value or "" for value in column.values])


def concatenated(tables: Sequence[Table]) -> Table:
    """The rows of several tables of one kind, one after the other. Raises SourceError if their types differ."""
    first = tables[0]
    columns = list(dict.fromkeys(name for table in tables for name in table.columns))
    for table in tables[1:]:
        if table.path.suffix.lower() != first.path.suffix.lower():
            raise SourceError(f"{first.path} and {table.path} are tables of two kinds. Save them as one kind.")
        for name in first.features.keys() & table.features.keys():
            if first.features[name] != table.features[name]:
                raise SourceError(
                    f"{name} is {first.features[name]} in {first.path} and {table.features[name]} in {table.path}. "
                    "Save them with the same type."
                )
    rows = [row._replace(cells={name: row.cells.get(name, "") for name in columns})
            for table in tables for row in table.rows]  # fmt: skip
    typed = [name for name in columns if any(name in table.values for table in tables)]
    values = {
        name: [one for table in tables for one in table.values.get(name, [None] * len(table.rows))] for name in typed
    }
    features = {name: kind for table in tables for name, kind in table.features.items()}
    return replace(first, columns=columns, rows=rows, values=values, features=features)


def _declared_types(table: Table) -> dict[str, Any]:
    """Types of the columns of every layout that a table is of: one of both corpora has the classes of both."""
    declared: dict[str, Any] = {}
    for layout in LAYOUTS:
        classes = next(name for name, kind in layout.items() if isinstance(kind, ClassLabel))
        if classes in table.columns and all(_fits(layout[classes], text) for text in table.texts(classes)):
            declared |= layout
    return declared


def _fits(feature: Any, text: str) -> bool:
    if not text or feature == Value("string"):
        return True
    if isinstance(feature, ClassLabel):
        return text in feature.names
    if feature == Value("int64"):
        return FOLD.fullmatch(text.strip()) is not None
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _as(feature: Any, texts: Sequence[str]) -> Column:
    read: Any = str
    if isinstance(feature, ClassLabel):
        read = feature.names.index
    elif feature == Value("int64"):
        read = _whole
    elif feature == Value("float32"):
        read = float
    return Column(feature, [read(text) if text else None for text in texts])


def _whole(text: str) -> int:
    return int(float(text))


def _is_whole(text: str) -> bool:
    return WHOLE_NUMBER.fullmatch(text) is not None and str(int(text)) == text and -(2**63) <= int(text) < 2**63


def _is_decimal(text: str) -> bool:
    return DECIMAL_NUMBER.fullmatch(text) is not None and repr(float(text)) == text


def _of_json(values: list[Any], texts: list[str]) -> Column:
    """Values of JSON with the type that Arrow has for all of them; text where it has none."""
    try:
        array = pa.array(values)
        kind = None if pa.types.is_null(array.type) else Features.from_arrow_schema(pa.schema({"x": array.type}))["x"]
    except (pa.ArrowException, OverflowError):
        kind = None
    return _as(Value("string"), texts) if kind is None else Column(kind, values)
