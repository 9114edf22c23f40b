"""What is known of columns by their names: everything that has to know asks the stages, through these functions.

A column of a stage that is not known here, since its package is not installed, is a column like any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from emollama_hf import schema
from emollama_hf.stages.column import Column
from emollama_hf.stages.known_stages import known_stages

if TYPE_CHECKING:
    from emollama_hf.stages.stage import Stage

#: Sides of an array; None for one of any length.
Shape = tuple[int | None, ...]


def known_columns() -> dict[str, Column]:
    """Every column that a known stage computes, in the order in which data flows, as its default options make it."""
    return {name: columns[0] for name, columns in _variants(known_stages()).items()}


def is_computed(column: str) -> bool:
    """Whether a known stage computes columns of this name."""
    return column in _variants(known_stages())


def sensitive_columns() -> frozenset[str]:
    """Columns that show or sound like a person, by their names: clips, and what stages say is sensitive."""
    return _sensitive(known_stages())


def feature_columns() -> tuple[str, ...]:
    """Columns that somebody would train on: computed, not sensitive, and no facts of a clip such as its length."""
    facts = {
        schema.HAS_AUDIO,
        *(name for stage in known_stages() if stage.computes_facts for name in columns_of(stage)),
    }
    return tuple(name for name in compared_columns() if name not in facts)


def compared_columns() -> tuple[str, ...]:
    """Columns that stages compute and that are not sensitive: these are part of how rows were made."""
    sensitive = sensitive_columns()
    return tuple(name for name in known_columns() if name not in sensitive)


def columns_of(stage: type[Stage]) -> tuple[str, ...]:
    """The names of all columns that a stage may compute, whatever its options."""
    return tuple(_variants((stage,)))


def columns_of_stage_named(name: str) -> tuple[str, ...]:
    """As `columns_of`; none if no stage of that name is known."""
    return next((columns_of(stage) for stage in known_stages() if stage.name == name), ())


def shapes_of(column: str) -> tuple[Shape, ...]:
    """The shapes that a computed column may have: a side is None where variants of the stage differ in it."""
    shapes: dict[int, Shape] = {}
    for one in _variants(known_stages()).get(column, ()):
        shape = one.shape
        if shape is None:
            continue
        sides: Shape = tuple(None if side < 0 else side for side in shape)
        before = shapes.get(len(sides), sides)
        shapes[len(sides)] = tuple(a if a == b else None for a, b in zip(before, sides, strict=True))
    return tuple(shapes.values())


def number_types_of(column: str) -> frozenset[str]:
    """The number types that a computed column may have."""
    return frozenset(
        schema.dtype_of(one.feature) for one in _variants(known_stages()).get(column, ()) if one.shape is not None
    )


@cache
def _variants(stages: tuple[type[Stage], ...]) -> dict[str, tuple[Column, ...]]:
    found: dict[str, list[Column]] = {}
    for name, column in _all_outputs(stages):
        found.setdefault(name, []).append(column)
    return {name: tuple(columns) for name, columns in found.items()}


def _all_outputs(stages: Iterable[type[Stage]]) -> Iterable[tuple[str, Column]]:
    return (pair for stage in stages for one in stage.variants() for pair in one.outputs().items())


@cache
def _sensitive(stages: tuple[type[Stage], ...]) -> frozenset[str]:
    computed = (name for name, columns in _variants(stages).items() if any(column.sensitive for column in columns))
    return frozenset([*schema.CLIPS, *computed])
