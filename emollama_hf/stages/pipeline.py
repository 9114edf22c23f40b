"""Several stages as one transform: each clip goes through all of them before the next one is decoded."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from inspect import signature
from typing import Any

from datasets import Features

from emollama_hf import schema
from emollama_hf.stages import STAGES
from emollama_hf.stages.stage import Stage
from emollama_hf.stages.transform import Transform


class Pipeline(Transform):
    """The given stages in order. Returns the columns of all of them, but those in `schema.MEDIA` only if kept.

    keep: columns that show faces (`facemae_frames`, `videomae_frames`, `peak_frame`) to return all the same.
    """

    name = "pipeline"

    def __init__(self, stages: Sequence[Stage], *, keep: Iterable[str] = ()) -> None:
        self.stages = tuple(stages)
        self.keep = (keep,) if isinstance(keep, str) else tuple(keep)
        pictures = [column for column in self._all_features() if column in schema.MEDIA]
        unknown = [column for column in self.keep if column not in pictures]
        if unknown:
            raise ValueError(f"keep={unknown!r}: expected some of {', '.join(pictures) or 'no column'}")

    @property
    def features(self) -> Features:
        left_out = set(schema.MEDIA) - set(self.keep)
        return Features({name: kind for name, kind in self._all_features().items() if name not in left_out})

    def identity(self) -> dict[str, Any]:
        return {"keep": self.keep, "stages": [stage.own_identity() for stage in self.stages]}

    @property
    def given(self) -> list[str]:
        """Columns that the stages read and none of them makes: they come with the data set."""
        made = {column for stage in self.stages for column in stage.makes}
        return sorted({column for stage in self.stages for column in stage.reads} - made)

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
        """The same for one run: with the weights that are there now, and what `configure` has set by now."""
        return Pipeline([stage.pinned() for stage in self.stages], keep=self.keep)

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
    present: Collection[str] = (),
    keep: Iterable[str] = (),
    **options: Any,
) -> Pipeline:
    """The named stages (by default the last one) behind those whose columns they read and a data set lacks.

    present: the data set's columns. options: each goes to every stage that has it.
    Raises ValueError for an unknown stage or option, and lists the valid ones.

        >>> build_pipeline("random-tiny", present=["video"], peak="middle", pooling="mean")
    """
    known = {stage.name: stage for stage in STAGES}
    wanted = [STAGES[-1].name] if stages is None else [stages] if isinstance(stages, str) else list(stages)
    if not wanted or any(name not in known for name in wanted):
        raise ValueError(f"stages={wanted!r}: expected some of {', '.join(map(repr, known))}")
    parameters = {name: set(signature(stage).parameters) for name, stage in known.items()}
    strange = [option for option in options if not any(option in names for names in parameters.values())]
    if strange:
        valid = sorted(set().union(*parameters.values()) - {"model"})
        raise ValueError(f"unknown option {', '.join(map(repr, strange))}. Valid: {', '.join(valid)}")
    made: dict[type[Stage], Stage] = {}
    for name, stage in known.items():
        arguments: dict[str, Any] = {**options, "model": model}
        made[stage] = stage(**{key: value for key, value in arguments.items() if key in parameters[name]})
    needed: set[type[Stage]] = set()

    def need(stage: type[Stage]) -> None:
        needed.add(stage)
        for column in made[stage].reads:
            if column not in present:
                need(Stage.maker(column))

    for name in wanted:
        need(known[name])
    for option in options:
        takers = [stage for stage in made if option in parameters[stage.name]]
        if not needed.intersection(takers):
            names = ", ".join(column for column in takers[0].makes if column in present)
            raise ValueError(
                f"{option}={options[option]!r} would have no effect: the data set has {names} already, so that "
                f"{takers[0].name} does not run. Leave {option} out, or remove these columns to compute them again."
            )
    return Pipeline([one for stage, one in made.items() if stage in needed], keep=keep)
