"""The whole chain over a data set: videos in, a feature data set out; nothing computed twice, nothing lost.

ds ─► keys of its rows ─► what the work store lacks ─► workers ─► shards ─► columns in the data set's order ─► out
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from datasets import Dataset

from emollama_hf import schema
from emollama_hf.console.logs import package_logger
from emollama_hf.console.safe_errors import no_secrets
from emollama_hf.engines.ray_cluster import check_ray
from emollama_hf.engines.workers import Workers, check_count
from emollama_hf.extraction.open_run import open_run
from emollama_hf.extraction.run import column_values
from emollama_hf.extraction.sample import check_sample_alone, take_sample
from emollama_hf.stages.given_encoders import GivenEncoder
from emollama_hf.stages.stage import Stage

logger = package_logger(__name__)


@no_secrets()
def extract(
    ds: Dataset,
    model: str | os.PathLike[str] | None = None,
    *,
    stages: Sequence[str | Stage] | None = None,
    encoders: Mapping[str, GivenEncoder] | None = None,
    out: str | os.PathLike[str] | None = None,
    shard_rows: int | None = None,
    num_proc: int | None = None,
    num_readers: int | None = None,
    engine: str = "local",
    address: str | None = None,
    on_error: str = "null",
    keep: Iterable[str] = (),
    include: Iterable[str] = (),
    existing: str = "error",
    overwrite: bool = False,
    retry_failed: bool = False,
    sample: int | None = None,
    **options: Any,
) -> Dataset:
    """Features of every clip of a data set, as far as they are not known already.

    What is computed is stored by the content of the clip and the settings, a shard at a time: a run that was
    interrupted, or that finds new clips, computes only what is missing.

    ds: rows with a `video` (or `frames`) column, or with the columns of earlier stages.
    model: model directory, Hub id, "random-tiny" or "random-full"; by default what `configure` set.
    stages: names of stages, of sample_frames, facemae_embed, videomae_embed, emollama_embed (the default), and of
        stages that other packages add (`emollama_hf.register`); or stages with options of their own, such as
        FaceEmbed(...). Those whose columns they read run first, if the data set lacks these.
    encoders: encoders of timm and transformers by the columns that they compute, such as {"resnet50":
        "timm/resnet50.a1_in1k"}; with options of their stages ({"encoder": "resnet50", "weights": "affectnet.pth",
        "level": "frame"}). Without `stages` they alone run.
    out: directory to write the features to, as Parquet that plain `load_dataset(out)` opens, with numbers, short texts
        and class labels of `ds`. Recordings and pictures of faces are not among them unless kept. The work store, which
        has face crops, lies in `out`/.cache, else in the cache of `datasets`.
    shard_rows: rows a shard, which is what a killed run loses at most, and a Parquet file in `out`; by default about
        a minute of work, and about 256 MB. A shard ends after 100 MB and after 100 micro-batches in any case.
    num_proc: worker processes, each with a model of its own and one thread; on a machine with several GPUs each with
        one of them, in turn. A second run beside this one shares the work, too.
    num_readers: processes of each worker that decode clips and find faces ahead of its models; by default as many as
        there are cores for if a GPU computes, and 0 if the cores compute themselves.
    engine: "local", or "ray" for the machines of a Ray cluster (pip install 'emollama_hf[ray]'). There num_proc is the
        number of workers with a model: by default one a GPU, else one a node with all of its threads; num_readers is
        the number of those that decode, by default the remaining cores. Clips, model and adapter must lie under the
        same paths on every node. A run beside one with Ray may compute clips twice, which does no harm.
    address: of the cluster, HOST:PORT or "auto"; by default the one that this process has joined or RAY_ADDRESS names,
        else Ray is started on this machine for the time of the run.
    on_error: "null" (a failed clip gets nulls and its status) or "raise".
    keep: columns of faces to return and write all the same: facemae_frames, videomae_frames, peak_frame, and
        image_tokens.
    include: columns of `ds` to write to `out` all the same: lists, arrays, structures and long texts, which are left
        out otherwise; "p*" names all of p0, p1, ... Recordings, pictures, bytes, and numbers that look like some are
        never written: the data set that is returned has them.
    existing: what becomes of rows and columns that `out` has and this run would not write. "error": they are an error,
        before anything is computed. "add": they stay, and the rows of this run come to them; a row that is in both is
        one row with the values of this run, and where this run failed and the earlier one did not, the earlier values.
        "replace": they go. A row is the same with an equal clip, under the same path or with the same `uuid`.
    overwrite: as existing="replace", also for a feature data set in `out` that was not made there.
    retry_failed: compute the clips again that have failed before, and no others. A file that was mended since is a
        new clip, which the plain call computes.
    sample: for a first look, compute and store so many clips that are not known yet, spread over the clips in the order
        of their file sizes, and return their rows; if none is missing, so many of the known ones. `out` gets no data
        set. The plain call does not compute them again. `estimate` also says how long the rest will take.
    options: any option of the stages, such as peak="middle", pooling="6:10", device="cuda:1".

    Returns `ds` with the new columns, stored as declared: float16 stays float16, shapes are fixed. A `video` column
    comes back undecoded (path or bytes), so that rows can be read without torchcodec.
    Raises ValueError for unknown options, options without effect and columns that no stage can read; ModelError if
    there is no such model or not enough memory for it, ClipError with on_error="raise", FileExistsError if `out` holds
    something else, StoreError if the disk is full or a worker dies, ConnectionError if no Ray answers. What was
    computed before an error is kept, also before Ctrl-C: the KeyboardInterrupt says how many clips are stored.

        >>> ds = extract(ds, "random-tiny", out="features", peak="middle")
        >>> len(ds[0]["emollama"])
        69
    """
    workers = Workers(engine, address, num_proc, num_readers)
    check_engine(workers)
    check_count("shard_rows", shard_rows, 1)
    check_count("sample", sample, 1)
    check_sample_alone(sample, retry_failed=retry_failed)
    run = open_run(
        ds, model, stages=stages, encoders=encoders, out=out, on_error=on_error, keep=keep, include=include,
        existing=existing, overwrite=overwrite, retry_failed=retry_failed, **options,
    )  # fmt: skip
    if sample is None:
        done = run.finish(workers, shard_rows=shard_rows)
    else:
        done = take_sample(run, sample, workers, shard_rows=shard_rows).ds
    (statuses,) = column_values(done, schema.STATUS)
    failed = Counter(status for status in statuses if status != schema.OK)
    if failed:
        kinds = ", ".join(f"{count} {kind}" for kind, count in failed.most_common())
        logger.warning("%d of %d clips failed: %s. See the column %s.", failed.total(), len(done), kinds, schema.ERROR)
    note = run.coverage_note(done)
    if note:
        logger.warning("%s", note)
    return done


def check_engine(workers: Workers) -> None:
    """Raise an error within seconds if the engine is not installed or not to be reached."""
    if workers.engine == "ray":
        check_ray(workers.address)
