"""Lists in sentences, of which the first few values are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

#: Values shown where nothing else is said.
FEW = 5


def few_and_more(
    values: Sequence[Any],
    most: int = FEW,
    *,
    show: Callable[[Any], str] = str,
    between: str = ", ",
    rest: str = " and {} more",
) -> str:
    """The first values of a list, and how many more there are.

    Args:
        values: The values, of any number.
        most: How many of them are shown.
        show: The text of a value: `str`, or `repr` for quotes around it.
        between: What parts two values.
        rest: What is said of the others; their number replaces the braces.

    Returns:
        The text; empty for no values.

    Example:
        >>> few_and_more(["a", "b", "c", "d"], 2), few_and_more(["a"], show=repr)
        ('a, b and 2 more', "'a'")
    """
    return between.join(map(show, values[:most])) + (rest.format(len(values) - most) if len(values) > most else "")


def few_and_dots(values: Sequence[Any], most: int = FEW, *, show: Callable[[Any], str] = str) -> str:
    """The first values of a list, with dots for the others where their number says nothing.

    Args:
        values: The values, of any number.
        most: How many of them are shown.
        show: The text of a value: `str`, or `repr` for quotes around it.

    Returns:
        The text; empty for no values.

    Example:
        >>> few_and_dots(["a", "b", "c"], 2)
        'a, b, ...'
    """
    return few_and_more(values, most, show=show, rest=", ...")
