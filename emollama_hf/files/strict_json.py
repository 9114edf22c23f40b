"""JSON objects of files from elsewhere: of bounded size and depth, of one meaning, and of plain numbers.

The parser is that of the standard library. orjson refuses NaN as well, but of two values of one name it keeps the last
without a word, and its limit of depth is not ours to set.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from emollama_hf.files.small_file import TEXT_BYTES, read_small

_MAX_DEPTH = 64


def read_object(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds.

    Args:
        path: a regular file; one of more than `TEXT_BYTES` is refused before it is read.

    Raises:
        ValueError: for what is no such file: too large, not UTF-8, not JSON, NaN or infinity, two values of one name,
            nested deeper than 64, numbers of thousands of digits, no object. Its text says which, in a few words.
        OSError: if the file cannot be read.
    """
    return parse_object(read_small(path, at_most=TEXT_BYTES))


def parse_object(content: bytes, *, infinite: bool = False) -> dict[str, Any]:
    """The object that JSON text holds.

    Args:
        content: the text in UTF-8, with or without a byte order mark.
        infinite: whether `Infinity` is a number, too.

    Raises:
        ValueError: as `read_object`.

    Example:
        >>> parse_object(b'{"dtype": "float32"}')
        {'dtype': 'float32'}
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start}") from None
    try:
        value = json.loads(
            text, object_pairs_hook=without_doubles, parse_constant=_infinity if infinite else _no_number
        )
    except RecursionError:
        raise ValueError(f"nested deeper than {_MAX_DEPTH}") from None
    if not isinstance(value, dict):
        raise ValueError(f"a {type(value).__name__}, expected an object")
    _check_depth(value)
    return value


def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For json.loads: an object.

    Args:
        pairs: its names and values, as they stand.

    Raises:
        ValueError: two values of one name, of which JSON keeps the last.
    """
    content: dict[str, Any] = {}
    for name, value in pairs:
        if name in content and content[name] != value:
            raise ValueError(f"{name} is named twice, with {content[name]!r} and {value!r}")
        content[name] = value
    return content


def _infinity(name: str) -> float:
    return float("inf") if name == "Infinity" else _no_number(name)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name}, which is no number of JSON")


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > _MAX_DEPTH:
            raise ValueError(f"nested deeper than {_MAX_DEPTH}")
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
