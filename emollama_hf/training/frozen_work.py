"""What training never changes, computed once for each clip and kept: EVA's tokens and the clip's feature vectors."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any

from datasets import Dataset

from emollama_hf import schema
from emollama_hf.checkpoints import open_model
from emollama_hf.computing.model_cache import forget_models
from emollama_hf.engines.workers import Workers
from emollama_hf.extraction.open_run import checked_pipeline, default_work
from emollama_hf.extraction.run import Run
from emollama_hf.files.given_path import given_path
from emollama_hf.privacy.media import undecoded
from emollama_hf.stages import FaceMAEEmbed, HubertEmbed, VideoMAEEmbed
from emollama_hf.stages.decoder_stage import LAYOUTS
from emollama_hf.stages.image_tokens import ImageTokens
from emollama_hf.stages.stage import Stage
from emollama_hf.training.training_error import TrainingError
from emollama_hf.work_store.work_store import INSIDE_OUT, WorkStore

#: What each column of the frozen work is computed from where a data set lacks it, the nearest first.
COMPUTED_FROM: dict[str, tuple[str, ...]] = {
    schema.IMAGE_TOKENS: (schema.PEAK_FRAME, *schema.CLIPS),
    schema.FACEMAE: (schema.FACEMAE_FRAMES, *schema.CLIPS),
    schema.VIDEOMAE: (schema.VIDEOMAE_FRAMES, *schema.CLIPS),
}
#: All columns that frozen work is read from or computed from; the others stay out of the way.
COLUMNS = tuple(
    dict.fromkeys([*COMPUTED_FROM, schema.HUBERT, *(name for names in COMPUTED_FROM.values() for name in names)])
)


def with_frozen_work(
    ds: Dataset,
    model: str | os.PathLike[str],
    *,
    layout: str,
    store_dtype: str = "float16",
    device: str = "auto",
    dtype: str = "auto",
    work: str | os.PathLike[str] | None = None,
    revision: str | None = None,
) -> Dataset:
    """A data set with the columns that training reads; computes those that it lacks, as far as no store has them.

    Args:
        ds: rows with clips, or with columns of earlier stages.
        model: as for `extract`.
        layout: "fork" (vectors of FaceMAE and VideoMAE) or "upstream" (and of HuBERT, where clips and a model are
            there to compute them).
        store_dtype: of image tokens that are computed here: "float16" or "float32".
        device, dtype: of that computation, as for `extract`.
        revision: of a model on the Hub.
        work: directory with the work store that is used, such as the `out` of `extract`. None: in the cache of
            `datasets`.

    Returns:
        The rows in their order with image_tokens, facemae, videomae[, hubert]; nulls and a status where a row failed.

    Raises:
        TrainingError: a column is missing and cannot be computed.
        ValueError, ModelError, StoreError: as `extract`.
    """
    check_computable(ds.column_names)
    options: dict[str, Any] = {"revision": revision, "device": device, "dtype": dtype, "on_error": "null"}
    stages: list[Stage] = [
        stage(model, **options)
        for column, stage in ((schema.FACEMAE, FaceMAEEmbed), (schema.VIDEOMAE, VideoMAEEmbed))
        if column not in ds.column_names
    ]
    if schema.HUBERT in LAYOUTS[layout] and schema.HUBERT not in ds.column_names and schema.VIDEO in ds.column_names:
        sound = HubertEmbed(model, **options)
        stages += [sound] if sound.is_available else []
    if schema.IMAGE_TOKENS not in ds.column_names:
        stages.append(ImageTokens(model, store_dtype=store_dtype, **options))
    if not stages:
        open_model(model, revision=revision)  # a model that is not there is an error now
        return ds
    ds = undecoded(ds)
    keep = [schema.IMAGE_TOKENS] if schema.IMAGE_TOKENS not in ds.column_names else []
    pipeline = checked_pipeline(ds, model, stages=stages, on_error="null", keep=keep)
    store = WorkStore(default_work() if work is None else given_path(work).absolute() / INSIDE_OUT)
    done = Run(ds, pipeline, None, store).finish(Workers(), shard_rows=None)
    forget_models()  # the decoder that is trained needs their memory
    return done


def check_computable(columns: Collection[str]) -> None:
    """Raise TrainingError unless a data set has, or can be given, every column that training reads."""
    for column, sources in COMPUTED_FROM.items():
        if column not in columns and not any(source in columns for source in sources):
            picture = schema.PEAK_FRAME in sources
            again = f", with keep=[{schema.PEAK_FRAME!r}] (--keep {schema.PEAK_FRAME})" if picture else ""
            raise TrainingError(
                f"the data set has no column {column!r}, and none of {', '.join(map(repr, sources))} to compute it "
                f"from. Run extract again over the clips{again}: what its work store has is not computed anew. "
                "Or train on the folder of clips itself."
            )
