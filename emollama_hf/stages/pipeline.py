"""Several stages as one transform: each clip goes through all of them before the next one is decoded."""

from __future__ import annotations

import copy
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from inspect import signature
from types import MappingProxyType
from typing import Any

from datasets import Features

from emollama_hf import schema
from emollama_hf.stages import EmoLlamaEmbed
from emollama_hf.stages.column import Column
from emollama_hf.stages.dependencies import behind_missing, in_known_order
from emollama_hf.stages.given_encoders import GivenEncoder, given_encoders
from emollama_hf.stages.known_columns import columns_of
from emollama_hf.stages.known_stages import described, known_stages, stage_named
from emollama_hf.stages.shape_check import check_shapes
from emollama_hf.stages.stage import Stage
from emollama_hf.stages.transform import Transform


class Pipeline(Transform):
    """The given stages in order. Returns the columns of all of them, sensitive ones only if kept.

    keep: sensitive columns (`facemae_frames`, `videomae_frames`, `peak_frame`) to return all the same.
    """

    name = "pipeline"

    def __init__(self, stages: Sequence[Stage], *, keep: Iterable[str] = ()) -> None:
        self.stages = tuple(stages)
        self.keep = (keep,) if isinstance(keep, str) else tuple(keep)
        sensitive = [name for name, column in self.outputs().items() if column.sensitive] if self.keep else []
        unknown = [column for column in self.keep if column not in sensitive]
        if unknown:
            raise ValueError(f"keep={unknown!r}: expected some of {', '.join(sensitive) or 'no column'}")

    def outputs(self) -> dict[str, Column]:
        """The columns of all stages, sensitive ones, too."""
        return {name: column for stage in self.stages for name, column in stage.outputs().items()}

    @property
    def sensitive(self) -> list[str]:
        """Columns that show or sound like a person and that are not returned."""
        return [name for name, column in self.outputs().items() if column.sensitive and name not in self.keep]

    @property
    def features(self) -> Features:
        left_out = self.sensitive
        returned = {name: column.feature for name, column in self.outputs().items() if name not in left_out}
        return Features({**returned, **schema.status_features()})

    def identity(self) -> dict[str, Any]:
        return {"keep": self.keep, "stages": [stage.own_identity() for stage in self.stages]}

    @property
    def given(self) -> list[str]:
        """Columns that the stages read and none of them makes: they come with the data set."""
        made = {column for stage in self.stages for column in stage.makes}
        return sorted({column for stage in self.stages for column in stage.inputs} - made)

    @property
    def micro_batch(self) -> int:
        # What one stage can take together, all stages do; those without a limit take any number.
        limits = [stage.micro_batch for stage in self.stages if stage.limits_batch]
        return min(limits) if limits else max(stage.micro_batch for stage in self.stages)

    @property
    def decodes_media(self) -> bool:
        """Whether one of the stages opens recordings or pictures; else the data set brings what they read."""
        return any(stage.decodes_media for stage in self.stages)

    def chain(self, present: set[str]) -> list[Stage]:
        """The given stages, each computed anew, and before them what they read and nobody makes."""
        stages: list[Stage] = []
        for stage in self.stages:
            stages += stage.chain(present.union(*(earlier.makes for earlier in stages)))
        return stages

    def pinned(self) -> Pipeline:
        """The same for one run: with the weights that are there now, and what `configure` has set by now.

        Raises:
            ModelError: a part of the model is missing, or two of its parts do not fit each other.
        """
        check_shapes(self.stages)
        return Pipeline([stage.pinned() for stage in self.stages], keep=self.keep)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.stages, self.keep)


def _rebuild(stages: tuple[Stage, ...], keep: tuple[str, ...]) -> Pipeline:
    return Pipeline(stages, keep=keep)


def build_pipeline(
    model: str | os.PathLike[str] | None,
    *,
    stages: Sequence[str | Stage] | None = None,
    encoders: Mapping[str, GivenEncoder] | None = None,
    present: Collection[str] = (),
    keep: Iterable[str] = (),
    **options: Any,
) -> Pipeline:
    """The named stages (by default `emollama_embed`) behind those whose columns they read and a data set lacks.

    Args:
        stages: names of stages, or stages with options of their own.
        encoders: by the name of its column an encoder of timm or transformers (`given_encoders`); with these and
            without `stages`, these alone run.
        present: the data set's columns.
        options: each goes to every stage that has it, and was not given with options of its own.

    Raises:
        ValueError: an unknown stage or option (the message lists the valid ones), an option without effect, or a column
            that a stage reads and that neither the data set nor a known stage has, or that its stage does not compute
            with these options.
        PluginError: a stage of another package was named that cannot be used.

    Example:
        >>> build_pipeline("random-tiny", present=["video"], peak="middle", pooling="mean")
    """
    named = given_encoders(encoders or {})
    classes, given = _named_stages(() if stages is None and named else stages, encoders=bool(named))
    known = tuple(dict.fromkeys([*known_stages(), *(type(one) for one in given)]))
    parameters = {stage: set(signature(stage).parameters) for stage in known}
    strange = [option for option in options if not any(option in names for names in parameters.values())]
    if strange:
        valid = sorted(set().union(*parameters.values()) - {"model"})
        raise ValueError(f"unknown option {', '.join(map(repr, strange))}. Valid: {', '.join(valid)}")
    arguments: dict[str, Any] = {**options, "model": model}

    def make(stage: type[Stage], own: Mapping[str, Any] = MappingProxyType({})) -> Stage:
        return stage(**{**{name: value for name, value in arguments.items() if name in parameters[stage]}, **own})

    wanted = [make(stage) for stage in classes]
    wanted += [make(one.stage, one.options) for one in named]
    given = [_with_on_error(stage, options) for stage in given]
    _check_once([*wanted, *given])
    needed = in_known_order(behind_missing([*wanted, *given], present, lambda reader, stage: make(stage)))
    _check_unshared(needed, options)
    _check_computed(needed, present, options)
    for option, value in options.items():
        takers = [stage for stage in known if option in parameters[stage]]
        if not any(type(one) in takers for one in needed if option == "on_error" or one not in given):
            there = ", ".join(column for column in columns_of(takers[0]) if column in present)
            raise ValueError(
                f"{option}={value!r} would have no effect: the data set has {there} already, so that {takers[0].name} "
                f"does not run. Leave {option} out, or remove these columns to compute them again."
                if there
                else f"{option}={value!r} would have no effect: {takers[0].name} does not run. Leave {option} out."
            )
    pipeline = Pipeline(needed, keep=keep)
    absent = {column: stage for stage in reversed(needed) for column in stage.inputs if column in pipeline.given}
    for column, stage in absent.items() if present else ():
        if column not in present:
            raise ValueError(
                f"{described(type(stage))} reads the column {column!r}, which the data set lacks and no known stage "
                f"computes; the data set has the columns {', '.join(map(repr, present))}."
            )
    return pipeline


def _check_unshared(stages: Sequence[Stage], options: Mapping[str, Any]) -> None:
    """Raise ValueError for an option that two of the stages have and that means something else for each."""
    for option, value in options.items():
        takers = [stage.name for stage in stages if option in stage.unshared_options]
        if len(takers) > 1:
            raise ValueError(
                f"{option}={value!r} means something else for each of {' and '.join(takers)}. Extract in two runs: "
                f"{takers[0]} first, then {takers[1]} over the data set that it returns."
            )


def _check_computed(stages: Sequence[Stage], present: Collection[str], options: Mapping[str, Any]) -> None:
    """Raise ValueError if a stage reads a column that another one computes with other options only.

    Its rows would fail, or zeros would stand for the column.
    """
    makers = {column: stage for stage in stages for column in columns_of(type(stage))}
    for reader in stages:
        for column in reader.runs_first():
            maker = makers.get(column)
            if column in present or maker is None or column in maker.makes:
                continue
            taken, others = signature(type(maker)).parameters, signature(type(reader)).parameters
            given = [f"{name}={value!r}" for name, value in options.items() if name in taken and name not in others]
            raise ValueError(
                f"{reader.name} reads the column {column!r}; {maker.name} computes {', '.join(map(repr, maker.makes))} "
                f"instead with {', '.join(given) or 'these options'}. Extract in two runs: {maker.name} with these "
                f"options, {reader.name} without."
            )


def _named_stages(names: Sequence[str | Stage] | None, *, encoders: bool) -> tuple[list[type[Stage]], list[Stage]]:
    """The classes of the named stages, in the order in which they are known; and the stages that were given ready."""
    several = [EmoLlamaEmbed.name] if names is None else [names] if isinstance(names, str | Stage) else list(names)
    given = [one for one in several if isinstance(one, Stage)]
    wanted = [one for one in several if not isinstance(one, Stage)]
    unknown = [one for one in wanted if not isinstance(one, str) or stage_named(one) is None]
    if unknown or not (several or encoders):
        valid = ", ".join(repr(stage.name) for stage in known_stages())
        raise ValueError(f"stages={wanted!r}: expected some of {valid}")
    return [stage for stage in known_stages() if stage.name in wanted], given


def _with_on_error(stage: Stage, options: Mapping[str, Any]) -> Stage:
    """A stage that was given ready, with what the run does with clips that cannot be computed."""
    twin = copy.copy(stage)
    twin.config = replace(stage.config, on_error=options.get("on_error", stage.config.on_error))
    return twin


def _check_once(stages: Sequence[Stage]) -> None:
    """Raise ValueError if two stages have one name, or compute one column."""
    for index, stage in enumerate(stages):
        for earlier in stages[:index]:
            twice = [name for name in stage.makes if name in earlier.makes and name != schema.HAS_AUDIO]
            if twice or stage.name == earlier.name:
                raise ValueError(
                    f"stages: {earlier.name} and {stage.name} would both compute {', '.join(map(repr, twice))}. Leave "
                    "one of them out, or give it another column."
                )
