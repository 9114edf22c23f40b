"""The whole chain over a data set, with flat memory: videos in, a feature data set out."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
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
    Raises ValueError for unknown options, options without effect and columns that no stage can read; ModelError if
    there is no such model, ClipError with on_error="raise", FileExistsError if `out` holds something else.

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
    if not len(ds):
        raise ValueError("the data set has no rows: there is nothing to extract.")
    if num_proc is not None and num_proc < 1:
        raise ValueError(f"num_proc={num_proc}: expected at least 1, or None for this process alone")
    if model is None and defaults().model is None:
        raise ModelError(NO_MODEL)
    destination = None if out is None else check_destination(Path(out).expanduser(), overwrite=overwrite)
    ds = undecoded(ds)
    pipeline = build_pipeline(model, stages=stages, present=ds.column_names, keep=keep, on_error=on_error, **options)
    for stage in pipeline.stages:
        stage.check_columns(ds.column_names)
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
    """The columns of `pipeline` alone, stored as declared in an Arrow file that lives as long as this process."""
    features = pipeline.features
    rows = max(1, min(256, WRITE_BYTES // max(1, schema.row_bytes(features))))
    return ds.map(
        pipeline,
        batched=True,
        batch_size=rows,
        writer_batch_size=rows,
        remove_columns=ds.column_names,
        features=features,
        cache_file_name=str(_work_folder() / "features.arrow"),
        load_from_cache_file=False,
        num_proc=num_proc,
        desc="Extracting features",
    )


def _work_folder() -> Path:
    """A new folder for the columns of one run, removed when this process ends.

    In-memory data sets would keep them in memory otherwise. It is new each time because the cache of `datasets` knows
    the names of videos and not their content: after a clip was replaced it would give the old one's features.
    """
    parent = Path(HF_DATASETS_CACHE) / "emollama_hf"
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="extract-", dir=parent))
    owner = os.getpid()
    atexit.register(lambda: shutil.rmtree(folder, ignore_errors=True) if os.getpid() == owner else None)
    return folder


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
    ds = _without_folders(ds)
    media = [name for name, kind in ds.features.items() if (name in schema.MEDIA or _shows(kind)) and name not in keep]
    if schema.VIDEO in media and "file_name" not in ds.column_names:
        names = [_file_name(value) for value in undecoded(ds.select_columns([schema.VIDEO]))[schema.VIDEO]]
        if any(names):
            ds = ds.add_column("file_name", names)
    return ds.remove_columns(media)


def _without_folders(ds: Dataset) -> Dataset:
    """The messages of failed rows with the clip's name instead of its path on this machine."""
    source = next((name for name in (schema.VIDEO, schema.FRAMES) if name in ds.column_names), None)
    if source is None or schema.ERROR not in ds.column_names or not any(ds[schema.ERROR]):
        return ds
    paths = [value.get("path") if isinstance(value, dict) else value for value in ds[source]]
    messages = [
        error.replace(f"{Path(path).parent}{os.sep}", "") if error and isinstance(path, str) else error
        for error, path in zip(ds[schema.ERROR], paths, strict=True)
    ]
    replaced = ds.remove_columns(schema.ERROR).add_column(schema.ERROR, messages, feature=ds.features[schema.ERROR])
    return replaced.select_columns(ds.column_names)


def _shows(feature: Any) -> bool:
    inner = getattr(feature, "feature", feature)
    return type(inner).__name__ in ("Video", "Image")


def _file_name(value: Any) -> str | None:
    path = value.get("path") if isinstance(value, dict) else value
    return Path(path).name if isinstance(path, str) else None
