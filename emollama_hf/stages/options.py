"""The options of a stage, said once: the fields of its configuration, and those of `Placement` that it takes.

The constructor, its signature, `extract` and the command line follow from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields
from inspect import Parameter, Signature
from typing import Any

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


def _fields(config: type[StageConfig]) -> dict[str, Field[Any]]:
    return {one.name: one for one in fields(config) if one.init}


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value
