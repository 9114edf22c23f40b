"""The options of a stage, said once: the fields of its configuration, and those of `Placement` that it takes.

The constructor, its signature, `extract` and the command line follow from them.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields
from inspect import Parameter, Signature
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from emollama_hf.stages.config import Placement, StageConfig

#: The one option that a constructor takes by position.
POSITIONAL = "model"


def option_fields(config: type[StageConfig], placement: Sequence[str]) -> dict[str, Field[Any]]:
    """Every option by name; `model` first. placement: names of the fields of `Placement` that the stage takes."""
    taken = {one.name: one for one in fields(Placement) if one.name in placement}
    return {**{name: one for name, one in taken.items() if name == POSITIONAL}, **_fields(config), **taken}


def signature_of(config: type[StageConfig], placement: Sequence[str]) -> Signature:
    """The signature of a stage's constructor."""
    return Signature(
        [
            Parameter(
                name,
                Parameter.POSITIONAL_OR_KEYWORD if name == POSITIONAL else Parameter.KEYWORD_ONLY,
                default=default_of(one),
                annotation=one.type,
            )
            for name, one in option_fields(config, placement).items()
        ]
    )


def split_options(
    stage: str, config: type[StageConfig], placement: Sequence[str], options: Mapping[str, Any]
) -> tuple[StageConfig, Placement]:
    """The configuration and the placement that the options of a constructor make.

    Raises:
        TypeError: an option that the stage does not have; the message lists the stage's options.
    """
    valid = option_fields(config, placement)
    strange = [name for name in options if name not in valid]
    if strange:
        raise TypeError(f"{stage}() got an unexpected keyword argument {strange[0]!r}. Valid: {', '.join(valid)}")
    own = _fields(config)
    return (
        config(**{name: value for name, value in options.items() if name in own}),
        Placement(**{name: value for name, value in options.items() if name not in own}),
    )


def restored(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of options as they were before they became JSON, which knows no tuples."""
    return {name: _as_tuples(value) for name, value in values.items()}


def default_of(one: Field[Any]) -> Any:
    """The default of an option."""
    return one.default_factory() if one.default_factory is not MISSING else one.default


def read_option(name: str, text: str, config: type[StageConfig]) -> Any:
    """An option's value as somebody typed it, by the type of its field: "0.5" is a number, "none" is None.

    Raises:
        ValueError: the text is no value of that type.

    Example:
        >>> read_option("num_frames", "8", SampleFramesConfig)
        8
    """
    try:
        kind: Any = get_type_hints(config).get(name, str)
    except NameError:  # a type that is only imported for type checkers, or is local to a function
        kind = type(default_of(_fields(config)[name]))
    for one in _alternatives(kind):
        try:
            return _read(text, one)
        except ValueError:
            continue
    raise ValueError(f"{name}={text!r}: expected {' or '.join(map(_words, _alternatives(kind)))}")


def _fields(config: type[StageConfig]) -> dict[str, Field[Any]]:
    return {one.name: one for one in fields(config) if one.init}


def _alternatives(kind: Any) -> tuple[Any, ...]:
    """The types of a union, texts last: any value is a text."""
    members = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    return tuple(sorted(members, key=lambda one: one is str))


def _read(text: str, kind: Any) -> Any:
    if kind in (None, type(None)):
        if text.lower() != "none":
            raise ValueError
        return None
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower(), ...) if text.lower() in ("true", "false") else _fail()
    if get_origin(kind) is Literal:
        return next((one for one in get_args(kind) if str(one) == text), None) or _fail()
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0] if get_args(kind) else str
        return tuple(_read(part.strip(), inner) for part in text.split(",") if part.strip())
    if kind in (int, float):
        return kind(text)
    return text if kind is str else _fail()


def _fail() -> Any:
    raise ValueError


def _words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(map(str, get_args(kind)))
    if get_origin(kind) is tuple:
        return "values with commas between them"
    known = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", type(None): "none"}
    return known.get(kind, "a value that only Python can pass")


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value
