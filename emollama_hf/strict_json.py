"""JSON from outside, read without the liberties that Python's reader takes."""

from __future__ import annotations

import json
from typing import Any

#: Objects and lists within each other.
MOST_DEPTH = 40


def strict_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is no JSON, says two values of one name, has NaN, a number of thousands of digits, or more than
            `MOST_DEPTH` levels. `Infinity` is read: limits of a run may be infinite.

    Example:
        >>> strict_json('{"a": [1, 2]}')
        {'a': [1, 2]}
    """
    try:
        found = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    level, depth = [found], 0
    while level:
        depth += 1
        if depth > MOST_DEPTH:
            raise ValueError(_TOO_DEEP)
        level = [inner for outer in level for inner in _values(outer) if isinstance(inner, dict | list)]
    return found


_TOO_DEEP = f"objects and lists lie more than {MOST_DEPTH} deep in each other"


def _values(outer: Any) -> Any:
    return outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r:.80} is said twice")
    return found


def _constant(name: str) -> float:
    if name == "Infinity":
        return float("inf")
    raise ValueError(f"{name} is no number of JSON")
