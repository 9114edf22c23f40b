"""The whole chain over a data set, with flat memory: videos in, a feature data set out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset, Video, concatenate_datasets
from datasets.config import HF_DATASETS_CACHE

from emollama_hf import schema
from emollama_hf.defaults import NO_MODEL, defaults
from emollama_hf.errors import ModelError
from emollama_hf.stage import check_choice
from emollama_hf.stages.pipeline import Pipeline, build_pipeline
from emollama_hf.store.feature_set import check_destination, write_feature_set
from emollama_hf.store.provenance import describe_run

ENGINES = ("local",)
#: Bytes of one write to the Arrow file: what a run holds in memory beside the model.
WRITE_BYTES = 32_000_000


def extract(
    ds: Dataset,
    model: str | os.PathLike[str] | None = None,
    *,
    stages: Sequence[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    shard_rows: int | None = None,
    num_proc: int | None = None,
    engine: str = "local",
    on_error: str = "null",
    keep: Iterable[str] = (),
    overwrite: bool = False,
    **options: Any,
) -> Dataset:
    """Features of every clip of a data set.

    ds: rows with a `video` (or `frames`) column, or with the columns of earlier stages.
    model: model directory, Hub id, "random-tiny" or "random-full"; by default what `configure` set.
    stages: names of stages, of sample_frames, facemae_embed, videomae_embed, emollama_embed; by default the last.
        Those whose columns they read run first, if the data set lacks these.
    out: directory to write the features to, as Parquet that plain `load_dataset(out)` opens. Recordings and pictures
        of faces are not written to it unless kept.
    shard_rows: rows a Parquet file in `out`; by default about 256 MB.
    num_proc: worker processes, each with a model of its own and one thread.
    engine: "local". on_error: "null" (a failed clip gets nulls and its status) or "raise".
    keep: columns of faces to return and write all the same: facemae_frames, videomae_frames, peak_frame.
    overwrite: replace a feature data set that `out` already holds.
    options: any option of the stages, such as peak="middle", pooling="6:10", device="cuda:1".

    Returns `ds` with the new columns, stored as declared: float16 stays float16, shapes are fixed. A `video` column
    comes back undecoded (path or bytes), so that rows can be read without torchcodec.
    Raises ValueError for unknown options, ModelError if there is no such model, ClipError with on_error="raise",
    FileExistsError if `out` holds something else.

        >>> ds = extract(ds, "random-tiny", out="features", peak="middle")
        >>> len(ds[0]["emollama"])
        62
    """
    check_choice("engine", engine, ENGINES)
    if not isinstance(ds, Dataset):
        raise TypeError(
            f"extract takes a datasets.Dataset, got {type(ds).__name__}. "
            + (
                "Call it for each split: ds['train']."
                if isinstance(ds, dict)
                else "Use ds.map(emollama_embed, batched=True) for a stream."
            )
        )
    if model is None and defaults().model is None:
        raise ModelError(NO_MODEL)
    destination = None if out is None else check_destination(Path(out), overwrite=overwrite)
    ds = undecoded(ds)
    pipeline = build_pipeline(model, stages=stages, present=ds.column_names, keep=keep, on_error=on_error, **options)
    features = map_to_features(ds, pipeline, num_proc=num_proc)
    kept = ds.remove_columns([name for name in features.column_names if name in ds.column_names])
    result = concatenate_datasets([kept, features], axis=1)
    if destination is not None:
        write_feature_set(
            without_media(result, keep=pipeline.keep),
            destination,
            describe_run(pipeline, rows=len(ds)),
            shard_rows=shard_rows,
            overwrite=overwrite,
        )
    return result


def map_to_features(ds: Dataset, pipeline: Pipeline, *, num_proc: int | None = None) -> Dataset:
    """The columns of `pipeline` alone, stored as declared in an Arrow file of the `datasets` cache."""
    features = pipeline.features
    rows = max(1, min(256, WRITE_BYTES // max(1, schema.row_bytes(features))))
    # In-memory data sets would keep the result in memory as well; a file of our own keeps it flat.
    cache = Path(HF_DATASETS_CACHE) / "emollama_hf" / f"{ds._fingerprint}-{pipeline.fingerprint}" / "features.arrow"
    cache.parent.mkdir(parents=True, exist_ok=True)
    return ds.map(
        pipeline,
        batched=True,
        batch_size=rows,
        writer_batch_size=rows,
        remove_columns=ds.column_names,
        features=features,
        cache_file_name=str(cache),
        num_proc=num_proc,
        desc="Extracting features",
    )


def undecoded(ds: Dataset) -> Dataset:
    """The data set with its videos as paths or bytes: decoding them here would need torchcodec."""
    for name, feature in ds.features.items():
        if isinstance(feature, Video) and feature.decode:
            ds = ds.cast_column(name, Video(decode=False))
    return ds


def without_media(ds: Dataset, *, keep: Iterable[str] = ()) -> Dataset:
    """The data set without recordings and pictures; clips stay identified by `file_name`.

    Every column of a video or image type goes, whatever its name, and `frames`; `keep` names exceptions among the
    columns that stages make.
    """
    media = [name for name, kind in ds.features.items() if (name in schema.MEDIA or _shows(kind)) and name not in keep]
    if schema.VIDEO in media and "file_name" not in ds.column_names:
        names = [_file_name(value) for value in undecoded(ds.select_columns([schema.VIDEO]))[schema.VIDEO]]
        if any(names):
            ds = ds.add_column("file_name", names)
    return ds.remove_columns(media)


def _shows(feature: Any) -> bool:
    inner = getattr(feature, "feature", feature)
    return type(inner).__name__ in ("Video", "Image")


def _file_name(value: Any) -> str | None:
    path = value.get("path") if isinstance(value, dict) else value
    return Path(path).name if isinstance(path, str) else None
