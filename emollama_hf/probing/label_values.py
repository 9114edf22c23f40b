"""A column of labels as class numbers: texts, whole numbers, truth values and `ClassLabel`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from datasets import ClassLabel

from emollama_hf.probing.probe_error import ProbeError, near_names
from emollama_hf.text.few_of_many import few_and_more

#: More classes than this are taken for a mistake, such as a column of names or of measurements.
MOST_CLASSES = 50


@dataclass(frozen=True)
class Labels:
    """numbers: (n,) int64, the class of each row. classes: their names. positive: the class of F1 and AUC-PR."""

    numbers: np.ndarray
    classes: tuple[str, ...]
    positive: int

    @property
    def shown_order(self) -> tuple[int, ...]:
        """Class numbers as people meet them everywhere: the positive class first, then the others."""
        return (self.positive, *(number for number in range(len(self.classes)) if number != self.positive))

    def counts(self) -> dict[str, int]:
        """How many rows each class has, the positive class first."""
        found = np.bincount(self.numbers, minlength=len(self.classes))
        return {self.classes[number]: int(found[number]) for number in self.shown_order}


def read_labels(values: Sequence[Any], feature: Any, *, column: str, positive: str | None) -> Labels:
    """Class numbers of labels without nulls.

    Args:
        values: One label for each row: texts, whole numbers (1.0 is the class "1"), or truth values.
        feature: The type of the column; the numbers of a `ClassLabel` become their names.
        column: Its name, for messages.
        positive: Name of the class that F1 and AUC-PR are of. None: the class with the fewest rows.

    Returns:
        The labels; classes that no row has are left out.

    Raises:
        ProbeError: One class only, too many classes, a label with blanks around it, mixed types, labels that differ
            in case alone, numbers that are not whole, or an unknown positive class.
    """
    if isinstance(feature, ClassLabel) and feature.names is not None:
        values = [_class_name(feature, value, column) for value in values]
    values = whole_numbers(values)
    kinds = Counter(type(value).__name__ for value in values)
    if len(kinds) > 1:
        told = ", ".join(f"{count} of type {kind}" for kind, count in kinds.most_common())
        raise ProbeError(f"label={column!r} has values of mixed types ({told}). Store all of them as texts.")
    kind = next(iter(kinds), "none")
    if kind not in ("str", "int", "bool"):
        raise ProbeError(
            f"label={column!r} has values of type {kind}, expected classes: texts, whole numbers or truth values. "
            "Divide measurements into classes first."
        )
    distinct = sorted(set(values)) if not isinstance(feature, ClassLabel) else _in_order(values, feature.names)
    names = [str(value) for value in distinct]
    _check_names(names, column)
    counts = Counter(values)
    if len(distinct) < 2:
        what = f"one class only, {names[0]!r}" if names else "no label at all"
        raise ProbeError(f"label={column!r} has {what}, expected at least two. Name the column of the labels (label=).")
    if len(distinct) > MOST_CLASSES:
        raise ProbeError(
            f"label={column!r} has {len(distinct)} classes in {len(values)} rows, expected at most {MOST_CLASSES}: "
            "these look like names or measurements. Name the column of the labels (label=)."
        )
    if positive is not None and positive not in names:
        raise ProbeError(f"positive={positive!r} is no class of {column!r}.{near_names(positive, names)}")
    chosen = names.index(positive) if positive is not None else _rarest([counts[value] for value in distinct])
    number = {value: index for index, value in enumerate(distinct)}
    return Labels(np.array([number[value] for value in values], np.int64), tuple(names), chosen)


def whole_numbers(values: Sequence[Any]) -> Sequence[Any]:
    """Floats as integers where all of them are whole, as in a table that had empty cells; other values unchanged."""
    if values and all(isinstance(value, float) and value.is_integer() for value in values):
        return [int(value) for value in values]
    return values


def _class_name(feature: ClassLabel, value: Any, column: str) -> str:
    if not 0 <= int(value) < len(feature.names):
        raise ProbeError(f"label={column!r} has the class number {value}, which its type does not name.")
    return str(feature.names[int(value)])


def _in_order(values: Sequence[Any], names: Sequence[str]) -> list[str]:
    present = set(values)
    return [name for name in names if name in present]


def _rarest(counts: Sequence[int]) -> int:
    """The class with the fewest rows; of several the last, which is the positive class where 0 and 1 are balanced."""
    return max(index for index, count in enumerate(counts) if count == min(counts))


def _check_names(names: Sequence[str], column: str) -> None:
    blank = [name for name in names if name != name.strip() or not name]
    if blank:
        raise ProbeError(
            f"label={column!r} has labels that are empty or have blanks around them: "
            f"{few_and_more(blank, show=repr)}. They would be classes of their own: correct them, or set them to null."
        )
    spelled: dict[str, str] = {}
    for name in names:
        other = spelled.setdefault(name.casefold(), name)
        if other != name:
            raise ProbeError(
                f"label={column!r} has the labels {other!r} and {name!r}, which differ in case alone and would be two "
                "classes. Spell them the same."
            )
