"""Numbers of things in sentences."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, thing: str, plural: str | None = None) -> str:
    """A number with its noun.

    Args:
        number: how many.
        thing: the noun for one of them.
        plural: the noun for several; by default with an s.

    Example:
        >>> counted(1, "row"), counted(3437, "row")
        ('1 row', '3,437 rows')
    """
    return f"{number:,} {thing if number == 1 else plural or f'{thing}s'}"


def listed(words: Sequence[str]) -> str:
    """Words as a sentence lists them.

    Example:
        >>> listed(["a", "b", "c"])
        'a, b and c'
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
