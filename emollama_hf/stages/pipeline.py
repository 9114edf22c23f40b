"""Several stages as one transform: each clip goes through all of them before the next one is decoded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from inspect import signature
from typing import Any

from datasets import Features

from emollama_hf import schema
from emollama_hf.stage import Stage
from emollama_hf.stages import STAGES
from emollama_hf.transform import Transform


class Pipeline(Transform):
    """The given stages in order. Returns the columns of all of them, but those in `schema.MEDIA` only if kept.

    keep: columns that show faces (`facemae_frames`, `videomae_frames`, `peak_frame`) to return all the same.
    """

    name = "pipeline"

    def __init__(self, stages: Sequence[Stage], *, keep: Iterable[str] = ()) -> None:
        self.stages = tuple(stages)
        self.keep = tuple(keep)
        made = self._all_features()
        unknown = [column for column in self.keep if column not in made]
        if unknown:
            raise ValueError(f"keep={unknown!r}: no stage makes it. Valid: {', '.join(made)}")

    @property
    def features(self) -> Features:
        left_out = set(schema.MEDIA) - set(self.keep)
        return Features({name: kind for name, kind in self._all_features().items() if name not in left_out})

    def identity(self) -> dict[str, Any]:
        return {"keep": self.keep, "stages": [stage.own_identity() for stage in self.chain(set())]}

    @property
    def micro_batch(self) -> int:
        return max(stage.micro_batch for stage in self.stages)

    def chain(self, present: set[str]) -> list[Stage]:
        """The given stages, each computed anew, and before them what they read and nobody makes."""
        stages: list[Stage] = []
        for stage in self.stages:
            stages += stage.chain(present.union(*(earlier.makes for earlier in stages)))
        return stages

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.stages, self.keep)

    def _all_features(self) -> Features:
        made = {name: kind for stage in self.stages for name, kind in stage.own_features().items()}
        return Features({**made, **schema.status_features()})


def _rebuild(stages: tuple[Stage, ...], keep: tuple[str, ...]) -> Pipeline:
    return Pipeline(stages, keep=keep)


def build_pipeline(
    model: str | os.PathLike[str] | None,
    *,
    stages: Sequence[str] | None = None,
    keep: Iterable[str] = (),
    **options: Any,
) -> Pipeline:
    """A pipeline of the named stages (all by default); each option goes to every stage that has it.

        >>> build_pipeline("random-tiny", peak="middle", pooling="mean", on_error="null")

    Raises ValueError for an unknown stage or option, and lists the valid ones.
    """
    known = {stage.name: stage for stage in STAGES}
    names = list(known) if stages is None else list(stages)
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise ValueError(f"stages={names!r}: expected some of {', '.join(map(repr, known))}")
    accepted = {stage: set(signature(stage).parameters) for name, stage in known.items() if name in names}
    strange = sorted(set(options) - set().union(*accepted.values()))
    if strange:
        valid = sorted(set().union(*accepted.values()) - {"model"})
        raise ValueError(f"unknown option {', '.join(map(repr, strange))}. Valid: {', '.join(valid)}")
    made: list[Any] = []
    for stage, parameters in accepted.items():
        given = {option: value for option, value in options.items() if option in parameters}
        if "model" in parameters:
            given["model"] = model
        made.append(stage(**given))  # each stage has options of its own
    return Pipeline(made, keep=keep)
