"""Whether a class keeps to the contract of a stage: asked once, before it is known by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, fields
from inspect import isabstract, isclass
from typing import Any

from emollama_hf import schema
from emollama_hf.encoders.credit import Credit
from emollama_hf.errors import ModelError, PluginError
from emollama_hf.stages.column import Column
from emollama_hf.stages.config import Placement, StageConfig
from emollama_hf.stages.plugin_questions import asked
from emollama_hf.stages.shape_check import shapes_read
from emollama_hf.stages.stage import Stage

#: Columns that are read, or written by every stage: neither a stage nor a table of labels may bring them.
RESERVED_COLUMNS = (*schema.CLIPS, schema.STATUS, schema.ERROR)
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
        value = getattr(stage, name, None)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise PluginError(f"{origin}: it lacks the class attribute {name}, such as {name} = {example}.")
    if not stage.name.isidentifier():
        raise PluginError(f"{origin}: its name {stage.name!r} is no short name such as 'brightness'.")
    if not isinstance(stage.credit, Credit | None):
        raise PluginError(f"{origin}: its credit is {type(stage.credit).__name__}, expected emollama_hf.Credit.")
    _check_options(stage, origin)
    with asked(
        origin, "its outputs cannot be asked for; a stage can be made without arguments: every option has a default"
    ):
        instances = stage.variants()
        outputs = [one.outputs() for one in instances]
    for one in instances:
        _check_inputs(one, origin)
        _check_defaults(one, origin)
    for columns in outputs:
        if not isinstance(columns, Mapping):
            raise PluginError(
                f"{origin}: outputs() returned {type(columns).__name__}, expected a dict of emollama_hf.Column by name."
            )
        for name, column in columns.items():
            _check_column(name, column, origin)
    names = tuple(dict.fromkeys(name for columns in outputs for name in columns))
    if not names:
        raise PluginError(f"{origin}: its outputs() are empty.")
    return names


def _check_options(stage: type[Stage], origin: str) -> None:
    config = stage.Config
    own_parameters = vars(config).get("__dataclass_params__") if isclass(config) else None
    if own_parameters is None or not own_parameters.frozen or not issubclass(config, StageConfig):
        raise PluginError(f"{origin}: its Config is no frozen dataclass that inherits from emollama_hf.StageConfig.")
    own = [one.name for one in fields(config)]
    taken = [name for name in own if name in RESERVED_OPTIONS or name in {one.name for one in fields(Placement)}]
    if taken:
        raise PluginError(f"{origin}: {taken[0]!r} is an option of extract itself. Call the stage's option otherwise.")


def _check_inputs(stage: Stage, origin: str) -> None:
    for attribute in ("inputs", "optional_inputs"):
        names = getattr(stage, attribute)
        if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
            raise PluginError(
                f'{origin}: {attribute} is {names!r:.80}, expected a tuple of names of columns: ("facemae_frames",).'
            )
    with suppress(ModelError):  # a model that is not there is said when it is used
        shapes_read(stage, origin)


def _check_defaults(stage: Stage, origin: str) -> None:
    for name, value in asdict(stage.config).items():
        try:
            json.dumps(value)
        except (TypeError, ValueError) as error:
            raise PluginError(
                f"{origin}: the default of its option {name!r} is {type(value).__name__} and cannot be written as JSON "
                f"({error}). Take numbers, texts, None, tuples or dicts of them."
            ) from error


def _check_column(name: object, column: object, origin: str) -> None:
    if not isinstance(name, str) or not name.isidentifier():
        raise PluginError(f"{origin}: {name!r} is no name of a column, such as 'brightness'.")
    if not isinstance(column, Column):
        raise PluginError(f"{origin}: outputs()[{name!r}] is {type(column).__name__}, expected emollama_hf.Column.")
    if name in (*RESERVED_COLUMNS, *schema.ROW_NAMES):  # a row has its names of itself
        raise PluginError(f"{origin}: the column {name!r} is read or written by this package. Choose another name.")
