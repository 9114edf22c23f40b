"""What is compared: a view is a column, a part of one, or a combination, read as vectors or as sequences.

facemae             the column: vectors (D,), or sequences (T, D)
emollama[6:10]      positions 6 to 9 of each sequence, a sequence of four
emollama[-1]        one position, a vector
emollama:mean       the mean over a sequence's positions, a vector; emollama[6:10]:mean as well
facemae+resnet50    vectors side by side, each standardised
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from datasets import Features

from emollama_hf import schema
from emollama_hf.probing.options import ProbeOptions
from emollama_hf.probing.probe_error import ProbeError, near_names
from emollama_hf.stages.known_columns import columns_of, feature_columns
from emollama_hf.stages.known_stages import known_stages

Kind = Literal["vector", "sequence"]
#: Names of the rows of the table that are no views of columns.
CHANCE, CONTROL = "chance", "control"
#: Positions that were published with the original's hidden states.
PUBLISHED = (6, 10)
_SELECTOR = re.compile(r"(?P<column>.+?)(\[(?P<first>-?\d*)(?P<colon>:)?(?P<last>-?\d*)\])?(?P<mean>:mean)?")


@dataclass(frozen=True)
class Part:
    """A column, or some positions of it. index: one position. positions: a slice. mean: over the positions."""

    column: str
    kind: Kind
    index: int | None = None
    positions: tuple[int | None, int | None] | None = None
    mean: bool = False


@dataclass(frozen=True)
class View:
    """One row of the table: its name as it was asked for, and the parts that lie side by side in it."""

    name: str
    parts: tuple[Part, ...]

    @property
    def kind(self) -> Kind:
        return self.parts[0].kind

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(part.column for part in self.parts))


def choose_views(features: Features, options: ProbeOptions) -> tuple[View, ...]:
    """The views of a probe: those that were named, or one of every feature column, and the combinations.

    Args:
        features: Of the data set.
        options: columns and combine.

    Returns:
        The views, in the order of the options or of the data set.

    Raises:
        ProbeError: An unknown column, a column that is not numeric, a selector of a vector, a sequence in a
            combination, or no feature column at all.
    """
    names = options.columns if options.columns is not None else default_views(features, options)
    views = [View(name, (read_part(name, features),)) for name in names]
    views += [_combination(name, features) for name in options.combine]
    if not views:
        raise ProbeError(
            "the data set has no feature column: none holds one vector or sequence of numbers a row. Extract features "
            "first, or name a column (columns=)."
        )
    told = {"label": options.label, "group": options.group, "fold": options.fold}
    for option, name in told.items():
        view = next((view for view in views if name in view.columns), None)
        if view is not None:
            raise ProbeError(f"column {view.name!r}: {name} is the {option} (--{option}). Name feature columns.")
    taken = [view.name for view in views if view.name in (CHANCE, CONTROL)]
    if taken:
        raise ProbeError(f"a column is called {taken[0]!r}, as a row of the table is. Rename it (ds.rename_column).")
    twice = [view.name for view in views if sum(other.name == view.name for other in views) > 1]
    if twice:
        raise ProbeError(f"the view {twice[0]!r} is named twice. Leave one of them out.")
    return tuple(views)


def default_views(features: Features, options: ProbeOptions) -> tuple[str, ...]:
    """Every column of floating-point vectors or sequences that is no fact of a clip, label, group, fold or control.

    Hidden states are read as published as well: positions 6 to 9.
    """
    facts = fact_columns()
    told = {options.label, options.group, options.fold, options.by, *options.control}
    computed = set(feature_columns())
    views: list[str] = []
    for name, feature in features.items():
        shape = schema.shape_of(feature)
        if shape is None or name in facts or name in told or not schema.dtype_of(feature).startswith("float"):
            continue
        if len(shape) in (1, 2) or (not shape and name in computed):
            views.append(name)
        if name == schema.EMOLLAMA and len(shape) == 2 and (shape[0] < 0 or shape[0] > PUBLISHED[1]):
            views.append(f"{name}[{PUBLISHED[0]}:{PUBLISHED[1]}]")
    return tuple(views)


def fact_columns() -> frozenset[str]:
    """Columns that are facts of a clip, such as its length, by the stages that compute them."""
    computed = (name for stage in known_stages() if stage.computes_facts for name in columns_of(stage))
    return frozenset([schema.HAS_AUDIO, *computed])


def read_part(text: str, features: Features) -> Part:
    """A column and its selector, such as "emollama[6:10]".

    Args:
        text: The name of a column, or a name with a selector.
        features: Of the data set.

    Returns:
        The part and whether it is a vector or a sequence.

    Raises:
        ProbeError: There is no such column, it holds no numbers, or the selector does not fit it.

    Example:
        >>> read_part("emollama[6:10]", features).positions
        (6, 10)
    """
    found = None if text in features else _SELECTOR.fullmatch(text)
    column = text if found is None else str(found["column"])
    if column not in features:
        raise ProbeError(f"column {column!r}: there is no such column.{near_names(column, _numeric(features))}")
    shape = schema.shape_of(features[column])
    if shape is None or len(shape) > 2:
        what = "no numbers" if shape is None else f"arrays of {len(shape)} sides a row"
        raise ProbeError(
            f"column {column!r} holds {what}, expected a vector (D,) or a sequence (T, D). "
            + (
                "Hidden states of several layers: extract one layer a run, or split the layers into columns."
                if shape
                else "Name a feature column."
            )
        )
    kind: Kind = "sequence" if len(shape) == 2 else "vector"
    if found is None or found[0] == found["column"]:
        return Part(column, kind)
    if kind == "vector":
        raise ProbeError(f"{text!r}: {column} is one vector a row and has no positions to select. Name {column!r}.")
    mean = found["mean"] is not None
    if found["first"] is None:
        return Part(column, "vector", mean=mean)
    if found["colon"] is None:
        if not found["first"] or found["last"] or mean:
            raise ProbeError(f"{text!r}: expected NAME[6:10], NAME[6], NAME:mean or NAME[6:10]:mean.")
        return Part(column, "vector", index=int(found["first"]))
    positions = tuple(int(one) if one else None for one in (found["first"], found["last"]))
    first, last = positions
    if first is not None and last is not None and (first < 0) == (last < 0) and first >= last:
        raise ProbeError(f"{text!r} selects no position. The second number is that of the first position left out.")
    return Part(column, "vector" if mean else "sequence", positions=(first, last), mean=mean)


def _combination(text: str, features: Features) -> View:
    names = [one.strip() for one in text.split("+")]
    if len(names) < 2 or not all(names):
        raise ProbeError(f"combine={text!r}: expected two columns or more with + between them, such as facemae+hubert.")
    parts = tuple(read_part(name, features) for name in names)
    if len(set(parts)) < len(parts):
        raise ProbeError(f"combine={text!r} names a column twice.")
    for name, part in zip(names, parts, strict=True):
        if part.kind == "sequence":
            raise ProbeError(
                f"combine={text!r}: {name} is a sequence, and vectors are combined. Name its mean ({name}:mean)."
            )
    return View("+".join(names), parts)


def _numeric(features: Features) -> Sequence[str]:
    return [name for name, feature in features.items() if schema.shape_of(feature) is not None]
