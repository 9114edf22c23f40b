"""Which columns may leave: into the directory that `extract` writes, and by `push`.

A column goes by itself if it is

- computed by a stage, has a shape and a number type that the stage declares (`Stage.outputs`), and shows nobody;
- one number, truth value, date or time a row;
- one short text a row, in one line (`SHORT_TEXT`), or a class label with such names.

Columns that are numbered, many and alike are an array together (`numbered_columns`), and no numbers by themselves.
Everything else is left out unless somebody names it (`include`).
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from datasets import ClassLabel, Features, LargeList, List, Value
from datasets.features.features import _ArrayXD

from emollama_hf import schema
from emollama_hf.privacy.column_values import SHORT_TEXT, ColumnValues, is_text, look_at_names
from emollama_hf.privacy.media import LONGEST_VECTOR, SHOWS_PEOPLE, shows_people
from emollama_hf.privacy.numbered_columns import NUMBERED, numbered_columns, pattern_of
from emollama_hf.schema import describe_column
from emollama_hf.stages.known_columns import Shape, compared_columns, number_types_of, shapes_of

LONG_TEXTS = f"texts of several lines or of more than {SHORT_TEXT} characters"


def computed_shapes() -> dict[str, tuple[Shape, ...]]:
    """For each column of several numbers that a stage computes and that shows nobody, the shapes that it may have."""
    shapes = {name: tuple(shape for shape in shapes_of(name) if shape) for name in compared_columns()}
    return {name: several for name, several in shapes.items() if several}


def why_held_back(name: str, feature: Any, values: ColumnValues | None) -> str | None:
    """Why a column stays in the lab unless somebody names it; None if it may leave.

    Args:
        name: of the column.
        feature: its type.
        values: what `look_at_values` found, for texts and for lists of any length; None if nobody has looked.

    Returns:
        What the column holds, in words without its name and its values, or None.

    Example:
        >>> why_held_back("pixels", List(Value("uint8")), None)
        'many values a row, (any,) uint8'
    """
    if not look_at_names([name]).are_short:
        return "its name is no short text"
    if shows_people(name, feature, () if values is None else values.sides):
        return SHOWS_PEOPLE
    if isinstance(feature, ClassLabel):
        return _why_labels(feature)
    if is_text(feature):
        return None if values is not None and values.are_short else LONG_TEXTS
    if type(feature) is Value:
        return None if _is_scalar(feature.pa_type) else f"values that are no numbers, dates or texts ({feature.dtype})"
    return None if _is_computed(name, feature, values) else _words(feature)


def reasons_held_back(features: Features, values: Mapping[str, ColumnValues]) -> dict[str, str]:
    """Columns that stay in the lab unless somebody names them, and why.

    Args:
        features: of the data set.
        values: what `look_at_values` found.

    Returns:
        What each column holds, in words, by its name.
    """
    found = {name: why_held_back(name, kind, values.get(name)) for name, kind in features.items()}
    found |= dict.fromkeys((name for names in numbered_columns(features).values() for name in names), NUMBERED)
    return {name: reason for name, reason in found.items() if reason is not None}


def left_out(name: str, reason: str) -> str:
    """The line about a column that stays in the lab, with the option that lets it go; numbered columns share one."""
    name = pattern_of(name) if reason == NUMBERED else name
    option = "" if reason == SHOWS_PEOPLE else f"; `--include {shlex.quote(shown_column(name))}` lets it go"
    return f"`{shown_column(name)}`: {reason}{option}"


def shown_column(name: str) -> str:
    """A column's name as it stands in a sentence: one line, and no longer than people read."""
    plain = name if name.isprintable() else ascii(name)[1:-1]
    plain = plain.replace("`", "'")
    return plain if len(plain) <= SHORT_TEXT else f"{plain[:40]}..."


def _why_labels(feature: ClassLabel) -> str | None:
    names = look_at_names(feature.names or [])
    if not names.are_short:
        return f"labels whose names are {LONG_TEXTS}"
    return "labels that are names of files" if names.are_file_names else None


def _is_scalar(kind: pa.DataType) -> bool:
    allowed = (
        pa.types.is_null, pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal,
        pa.types.is_date, pa.types.is_time, pa.types.is_timestamp, pa.types.is_duration,
    )  # fmt: skip
    return any(is_one(kind) for is_one in allowed)


def _is_computed(name: str, feature: Any, values: ColumnValues | None) -> bool:
    """Whether a column is one that a stage computes, in a shape that the stage declares."""
    shape, shapes = schema.shape_of(feature), computed_shapes().get(name, ())
    if shape is None or not shapes or not _is_type_of(name, schema.dtype_of(feature)):
        return False
    seen = () if values is None else values.sides
    if -1 in shape and len(seen) != len(shape):
        return False
    sides = [seen[at] if side < 0 else side for at, side in enumerate(shape)]
    return any(_fits(sides, declared) for declared in shapes)


def _is_type_of(name: str, dtype: str) -> bool:
    """Whether a column of this number type is as declared; floats of any width are."""
    declared = number_types_of(name)
    return dtype in declared or (dtype.startswith("float") and any(one.startswith("float") for one in declared))


def _fits(sides: list[int], declared: Shape) -> bool:
    if len(sides) != len(declared):
        return False
    pairs = zip(sides, declared, strict=True)
    return all(side <= LONGEST_VECTOR if wanted is None else side == wanted for side, wanted in pairs)


def _words(feature: Any) -> str:
    if isinstance(feature, List | LargeList | list | tuple | _ArrayXD):
        shape = describe_column(feature) if schema.shape_of(feature) is not None else ""
        return f"many values a row{', ' if shape else ''}{shape}"
    if isinstance(feature, Mapping):
        return "several values a row, with names"
    return f"values of the type {type(feature).__name__}"
