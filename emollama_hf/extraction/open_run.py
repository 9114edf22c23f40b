"""From the arguments of `extract` to a run: everything that can be checked before hours of work."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from datasets.config import HF_DATASETS_CACHE

from emollama_hf.defaults import NO_MODEL
from emollama_hf.errors import ModelError
from emollama_hf.extraction.held_back import check_included
from emollama_hf.extraction.run import Run
from emollama_hf.feature_set.destination import check_destination
from emollama_hf.feature_set.shrinking import (
    CHOICES,
)
from emollama_hf.files.given_path import given_path
from emollama_hf.privacy.media import undecoded
from emollama_hf.privacy.numbered_columns import named_columns
from emollama_hf.stages.config import check_choice
from emollama_hf.stages.given_encoders import GivenEncoder
from emollama_hf.stages.model_stage import stages_with_weights
from emollama_hf.stages.named_encoder import NamedEncoder
from emollama_hf.stages.pipeline import Pipeline, build_pipeline
from emollama_hf.stages.stage import Stage
from emollama_hf.work_store.work_store import INSIDE_OUT, WorkStore


def open_run(
    ds: Dataset,
    model: str | os.PathLike[str] | None,
    *,
    stages: Sequence[str | Stage] | None,
    encoders: Mapping[str, GivenEncoder] | None = None,
    out: str | os.PathLike[str] | None,
    on_error: str,
    keep: Iterable[str],
    overwrite: bool,
    retry_failed: bool,
    include: Iterable[str] = (),
    existing: str = "error",
    look_only: bool = False,
    **options: Any,
) -> Run:
    """Check all that can be checked before hours of work, and find out what is known. Arguments as for `extract`.

    look_only: for somebody who wants to know and not to write.
    """
    if not isinstance(ds, Dataset):
        raise TypeError(
            f"extract takes a datasets.Dataset, got {type(ds).__name__}. "
            + (
                "Call it for each split: ds['train']."
                if isinstance(ds, dict)
                else "Use ds.map(emollama_embed, batched=True) for a stream."
            )
        )
    if not len(ds):
        raise ValueError("the data set has no rows: there is nothing to extract.")
    check_choice("existing", existing, CHOICES)
    if overwrite and existing == "add":
        raise ValueError('overwrite=True replaces what is there, existing="add" keeps it. Leave one of them out.')
    if out is None and existing != "error":
        raise ValueError(f"existing={existing!r} would have no effect: nothing is written without out. Leave it out.")
    existing = "replace" if overwrite else existing
    if out is None:
        destination = None
    elif look_only:
        destination = given_path(out).absolute()
    else:
        destination = check_destination(Path(out), existing=existing)
    ds = undecoded(ds)
    named = named_columns((include,) if isinstance(include, str) else include, ds.column_names)
    check_included(ds, named, out=destination)
    pipeline = checked_pipeline(ds, model, stages=stages, encoders=encoders, on_error=on_error, keep=keep, **options)
    root = default_work() if destination is None else destination / INSIDE_OUT
    run = Run(ds, pipeline, destination, WorkStore(root), include=named, existing=existing, retry_failed=retry_failed)
    if not look_only:
        run.check_existing()
    return run


def default_work() -> Path:
    """Where the work store lies if nobody names a directory: in the cache of `datasets`."""
    return Path(HF_DATASETS_CACHE) / "emollama_hf"


def checked_pipeline(
    ds: Dataset,
    model: str | os.PathLike[str] | None,
    *,
    stages: Sequence[str | Stage] | None,
    encoders: Mapping[str, GivenEncoder] | None = None,
    on_error: str,
    keep: Iterable[str],
    **options: Any,
) -> Pipeline:
    """The stages of one run over a data set, with the weights that are there now.

    Args:
        ds: the rows, videos undecoded.
        model, stages, encoders, on_error, keep, options: as for `extract`.

    Raises:
        ValueError: as `build_pipeline`; a stage cannot read the data set's columns, or would replace one of them.
        ModelError: no model was named, there is none of that name, or two of its parts do not fit each other.
    """
    pipeline = build_pipeline(
        model, stages=stages, encoders=encoders, present=ds.column_names, keep=keep, on_error=on_error, **options
    )
    if any(stage.resolved_placement().model is None for stage in stages_with_weights(pipeline.stages)):
        raise ModelError(NO_MODEL)
    for stage in pipeline.stages:
        if isinstance(stage, NamedEncoder) and stage.column in ds.column_names:  # perhaps a label, which would be lost
            raise ValueError(
                f"{stage.name} would replace the column {stage.column!r} of the data set. Name another column, or "
                "remove that one to compute it."
            )
        stage.check_columns(ds.column_names)
        stage.check_features(ds.features)
    _ = pipeline.features  # a model that is not there is an error now and not after the clips were read
    return pipeline.pinned()
