"""Columns whose names differ in their numbers only, such as `p0` to `p575`: many of them are one array."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from datasets import ClassLabel, Value

from emollama_hf.privacy.signal_look import FEWEST_NUMBERS

#: Why numbered columns are left out.
NUMBERED = "numbered columns of one value each, an array together"
_NUMBER = re.compile(r"[0-9]+")


def pattern_of(name: str) -> str:
    """A column's name with `*` in place of each of its numbers.

    Example:
        >>> pattern_of("px_0_12")
        'px_*_*'
    """
    return _NUMBER.sub("*", name)


def numbered_columns(features: Mapping[str, Any]) -> dict[str, list[str]]:
    """Columns that are an array together: `FEWEST_NUMBERS` or more of one value each, alike but for their numbers.

    OpenFace has at most 68 of a kind and openSMILE's largest set at most 130: they stay columns by themselves.

    Args:
        features: types of columns by name.

    Returns:
        Names in the order of their numbers, by pattern (`pattern_of`).

    Example:
        >>> {key: len(names) for key, names in numbered_columns({f"p{n}": Value("uint8") for n in range(576)}).items()}
        {'p*': 576}
    """
    found: dict[str, list[str]] = {}
    for name, kind in features.items():
        if isinstance(kind, ClassLabel) or (type(kind) is Value and "binary" not in kind.dtype):
            found.setdefault(pattern_of(name), []).append(name)
    return {
        pattern: sorted(names, key=_numbers) for pattern, names in found.items()
        if len(names) >= FEWEST_NUMBERS and pattern != names[0]
    }  # fmt: skip


def named_columns(named: Iterable[str], columns: Iterable[str]) -> tuple[str, ...]:
    """The columns that `include` names: each by its name, or numbered ones at once by their pattern.

    Args:
        named: names or patterns, in which `*` stands for a number and for nothing else.
        columns: that exist.

    Returns:
        Names of columns; what matches no column stays as it is.

    Example:
        >>> named_columns(["p*", "age", "nose*"], ["p1", "p2", "page", "age"])
        ('p1', 'p2', 'age', 'nose*')
    """
    known = list(columns)
    found: list[str] = []
    for name in named:
        # A column that has `*` in its own name is named by its name alone.
        matching = [column for column in known if "*" in name and "*" not in column and pattern_of(column) == name]
        found += [name] if name in known or not matching else matching
    return tuple(dict.fromkeys(found))


def _numbers(name: str) -> list[int]:
    return [int(number[:18]) for number in _NUMBER.findall(name)]
