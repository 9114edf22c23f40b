"""Whether a class keeps to the contract of a stage: asked once, before it is known by name."""

from __future__ import annotations

from dataclasses import fields
from inspect import isabstract, isclass
from typing import Any

from emollama_hf import schema
from emollama_hf.errors import PluginError
from emollama_hf.stages.column import Column
from emollama_hf.stages.config import Placement, StageConfig
from emollama_hf.stages.stage import Stage

#: Columns that are read, or written by every stage.
RESERVED_COLUMNS = (schema.VIDEO, schema.FRAMES, schema.STATUS, schema.ERROR)
#: What `extract` and the command line take themselves: an option of that name would never reach a stage.
RESERVED_OPTIONS = frozenset(
    [
        "ds", "stages", "out", "shard_rows", "num_proc", "num_readers", "engine", "address", "keep", "include",
        "existing", "overwrite", "retry_failed", "look_only", "present", "status",
    ]
)  # fmt: skip


def check_contract(stage: Any, origin: str) -> tuple[str, ...]:
    """The columns that a stage computes.

    Args:
        stage: the class.
        origin: where it comes from, as messages say it.

    Raises:
        PluginError: the class is no complete stage; the message says what it lacks.
    """
    if not (isclass(stage) and issubclass(stage, Stage)):
        raise PluginError(f"{origin}: {stage!r} is no subclass of emollama_hf.Stage.")
    if isabstract(stage):
        missing = ", ".join(sorted(stage.__abstractmethods__))
        raise PluginError(f"{origin}: it lacks the methods {missing} of emollama_hf.Stage.")
    for name, kind, example in (("name", str, '"brightness"'), ("version", int, "1")):
        if not isinstance(getattr(stage, name, None), kind):
            raise PluginError(f"{origin}: it lacks the class attribute {name}, such as {name} = {example}.")
    if not stage.name.isidentifier():
        raise PluginError(f"{origin}: its name {stage.name!r} is no short name such as 'brightness'.")
    _check_options(stage, origin)
    try:
        outputs = [one.outputs() for one in stage.variants()]
    except Exception as error:
        raise PluginError(
            f"{origin}: its outputs cannot be asked for ({type(error).__name__}: {error}). A stage can be made without "
            "arguments: every option has a default."
        ) from error
    for columns in outputs:
        for name, column in columns.items():
            _check_column(name, column, origin)
    names = tuple(dict.fromkeys(name for columns in outputs for name in columns))
    if not names:
        raise PluginError(f"{origin}: its outputs() are empty.")
    return names


def _check_options(stage: type[Stage], origin: str) -> None:
    config = stage.Config
    is_frozen = "__dataclass_params__" in vars(config) and vars(config)["__dataclass_params__"].frozen
    if not issubclass(config, StageConfig) or not is_frozen:
        raise PluginError(f"{origin}: its Config is no frozen dataclass that inherits from emollama_hf.StageConfig.")
    own = [one.name for one in fields(config)]
    taken = [name for name in own if name in RESERVED_OPTIONS or name in {one.name for one in fields(Placement)}]
    if taken:
        raise PluginError(f"{origin}: {taken[0]!r} is an option of extract itself. Call the stage's option otherwise.")


def _check_column(name: object, column: object, origin: str) -> None:
    if not isinstance(name, str) or not name.isidentifier():
        raise PluginError(f"{origin}: {name!r} is no name of a column, such as 'brightness'.")
    if not isinstance(column, Column):
        raise PluginError(f"{origin}: outputs()[{name!r}] is {type(column).__name__}, expected emollama_hf.Column.")
    if name in RESERVED_COLUMNS:
        raise PluginError(f"{origin}: the column {name!r} is read or written by this package. Choose another name.")
