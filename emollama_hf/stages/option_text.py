"""Values of options as people type them, read by the types of the fields."""

from __future__ import annotations

import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from emollama_hf.stages.config import StageConfig

_TRUTHS = {"true": True, "false": False}
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", type(None): "none"}


def read_option(name: str, text: str, config: type[StageConfig]) -> Any:
    """An option's value as somebody typed it, by the type of its field: "0.5" is a number, "none" is None.

    Args:
        name: of the option.
        text: its value as typed; of a tuple with commas between its values.
        config: the dataclass that has it as a field.

    Raises:
        ValueError: the text is no value of that type.

    Example:
        >>> read_option("num_frames", "8", SampleFramesConfig)
        8
    """
    try:
        kind: Any = get_type_hints(config)[name]
    except NameError:  # a type that is imported for type checkers only, or that is local to a function
        kind = type(getattr(config(), name))
    alternatives = _alternatives(kind)
    for one in alternatives:
        try:
            return _read(text, one)
        except ValueError:
            continue
    raise ValueError(f"{name}={text!r}: expected {' or '.join(map(_words, alternatives))}")


def _alternatives(kind: Any) -> tuple[Any, ...]:
    """The types of a union, texts last: anything is a text."""
    members = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    return tuple(sorted(members, key=lambda one: one is str))


def _read(text: str, kind: Any) -> Any:
    """Raises ValueError if the text is no value of that type."""
    if kind is str:
        return text
    if kind in (int, float):
        return kind(text)
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0] if get_args(kind) else str
        return tuple(_read(part.strip(), inner) for part in text.split(",") if part.strip())
    values: dict[str, Any] = {}
    if kind is bool:
        values = _TRUTHS
    elif kind is type(None):
        values = {"none": None}
    elif get_origin(kind) is Literal:
        values = {str(one): one for one in get_args(kind)}
    if text not in values:
        raise ValueError(text)
    return values[text]


def _words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(map(str, get_args(kind)))
    if get_origin(kind) is tuple:
        return "values with commas between them"
    return _WORDS.get(kind, "a value that only Python can pass")
