"""The whole chain over a data set: videos in, a feature data set out; nothing computed twice, nothing lost.

ds ─► keys of its rows ─► what the work store lacks ─► workers ─► shards ─► columns in the data set's order ─► out
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from datasets import Dataset, Features, concatenate_datasets
from datasets.config import HF_DATASETS_CACHE

from emollama_hf import schema
from emollama_hf.console import timing
from emollama_hf.console.logs import package_logger
from emollama_hf.console.progress import Progress, hashing_bar
from emollama_hf.console.safe_errors import no_secrets
from emollama_hf.defaults import NO_MODEL, defaults
from emollama_hf.engines.local import run_local
from emollama_hf.engines.open_shard import ShardSize
from emollama_hf.engines.ray_cluster import check_ray
from emollama_hf.engines.ray_data import run_ray
from emollama_hf.engines.workers import Workers, check_count
from emollama_hf.errors import ModelError
from emollama_hf.extraction.assembly import Assembly
from emollama_hf.extraction.carried import carry_making
from emollama_hf.extraction.held_back import check_included, held_back
from emollama_hf.feature_set.destination import check_destination
from emollama_hf.feature_set.existing_set import open_existing
from emollama_hf.feature_set.feature_rows import FeatureRows
from emollama_hf.feature_set.feature_set import rows_a_file, write_feature_set
from emollama_hf.feature_set.row_identity import RowIdentity, row_identities
from emollama_hf.feature_set.run_description import describe_run, made_with, merged
from emollama_hf.feature_set.shrinking import (
    CHOICES,
    check_adding,
    check_shrinking,
    tell_replaced,
    warn_of_other_settings,
)
from emollama_hf.files.given_path import given_path
from emollama_hf.frames.faces.face_coverage import LOW_COVERAGE, coverage_note
from emollama_hf.planning.computation import Computation, Report
from emollama_hf.planning.memory_check import check_memory
from emollama_hf.planning.row_keys import row_keys
from emollama_hf.privacy.allowed_columns import left_out
from emollama_hf.privacy.media import SHOWS_PEOPLE, undecoded, without_media
from emollama_hf.privacy.numbered_columns import named_columns
from emollama_hf.stages.config import check_choice
from emollama_hf.stages.pipeline import Pipeline, build_pipeline
from emollama_hf.stages.running import named
from emollama_hf.work_store.shard import Failure
from emollama_hf.work_store.work_store import INSIDE_OUT, Stored, WorkStore

logger = package_logger(__name__)


@no_secrets()
def extract(
    ds: Dataset,
    model: str | os.PathLike[str] | None = None,
    *,
    stages: Sequence[str] | None = None,
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
    **options: Any,
) -> Dataset:
    """Features of every clip of a data set, as far as they are not known already.

    What is computed is stored by the content of the clip and the settings, a shard at a time: a run that was
    interrupted, or that finds new clips, computes only what is missing.

    ds: rows with a `video` (or `frames`) column, or with the columns of earlier stages.
    model: model directory, Hub id, "random-tiny" or "random-full"; by default what `configure` set.
    stages: names of stages, of sample_frames, facemae_embed, videomae_embed, emollama_embed (the default), and of
        stages that other packages add (`emollama_hf.register`). Those whose columns they read run first, if the data
        set lacks these.
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
        the number of those that decode, by default the remaining cores. Clips and model must lie under the same paths
        on every node. A run beside one with Ray may compute clips twice, which does no harm.
    address: of the cluster, HOST:PORT or "auto"; by default the one that this process has joined or RAY_ADDRESS names,
        else Ray is started on this machine for the time of the run.
    on_error: "null" (a failed clip gets nulls and its status) or "raise".
    keep: columns of faces to return and write all the same: facemae_frames, videomae_frames, peak_frame.
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
    options: any option of the stages, such as peak="middle", pooling="6:10", device="cuda:1".

    Returns `ds` with the new columns, stored as declared: float16 stays float16, shapes are fixed. A `video` column
    comes back undecoded (path or bytes), so that rows can be read without torchcodec.
    Raises ValueError for unknown options, options without effect and columns that no stage can read; ModelError if
    there is no such model or not enough memory for it, ClipError with on_error="raise", FileExistsError if `out` holds
    something else, StoreError if the disk is full or a worker dies, ConnectionError if no Ray answers. What was
    computed before an error is kept, also before Ctrl-C: the KeyboardInterrupt says how many clips are stored.

        >>> ds = extract(ds, "random-tiny", out="features", peak="middle")
        >>> len(ds[0]["emollama"])
        62
    """
    workers = Workers(engine, address, num_proc, num_readers)
    check_engine(workers)
    check_count("shard_rows", shard_rows, 1)
    run = open_run(
        ds, model, stages=stages, out=out, on_error=on_error, keep=keep, include=include, existing=existing,
        overwrite=overwrite, retry_failed=retry_failed, **options,
    )  # fmt: skip
    done = run.finish(workers, shard_rows=shard_rows)
    (statuses,) = _values(done, schema.STATUS)
    failed = Counter(status for status in statuses if status != schema.OK)
    if failed:
        kinds = ", ".join(f"{count} {kind}" for kind, count in failed.most_common())
        logger.warning("%d of %d clips failed: %s. See the column %s.", failed.total(), len(done), kinds, schema.ERROR)
    note = run.coverage_note(done)
    if note:
        logger.warning("%s", note)
    return done


def _values(ds: Dataset, *names: str) -> list[list[Any]]:
    """All values of some columns of what `finish` returned, whose rows lie as its table has them.

    A `Column` of `datasets` takes ten times as long.
    """
    return [ds.data.column(name).to_pylist() for name in names]


def check_engine(workers: Workers) -> None:
    """Raise an error within seconds if the engine is not installed or not to be reached."""
    if workers.engine == "ray":
        check_ray(workers.address)


class Run:
    """One call of `extract`, opened: what is asked for, and what the store has of it."""

    def __init__(
        self,
        ds: Dataset,
        pipeline: Pipeline,
        out: Path | None,
        store: WorkStore,
        *,
        include: Collection[str] = (),
        existing: str = "error",
        retry_failed: bool = False,
    ) -> None:
        self.ds = ds
        self.pipeline = pipeline
        self.out = out
        self._include = include
        bar = hashing_bar(len(ds))
        contents: dict[str, list[str | None]] = {}
        advance = (lambda rows: None) if bar is None else bar.update
        keys = row_keys(ds, pipeline, advance=advance, contents=contents)
        self._contents = contents
        if bar is not None:
            bar.close()
        self.computation = Computation(ds, pipeline, keys, store)
        #: Rows that failed in an earlier run.
        self.failed_before = [row for row in range(len(ds)) if isinstance(self.known(row), Failure)]
        #: Clips that this run has computed.
        self.computed = 0
        self._existing = existing
        self._retry_failed = retry_failed
        if retry_failed:
            again = WorkStore(store.root, retry=store.shard_names)
            self.computation = Computation(ds, pipeline, keys, again)

    def check_existing(self) -> None:
        """Raise ExistingRowsError, before anything is computed, if `out` would lose rows or columns unasked."""
        before = None if self.out is None else open_existing(self.out, self.computation.store.root)
        if before is None:
            return
        made, computed = describe_run(self.pipeline, made_with=made_with(self.pipeline.stages)), self.pipeline.features
        features = Features({**self._labels.features, **computed})
        if self._existing == "error":
            check_shrinking(before, features, self._identities, made, list(computed), self._held_back)
        if self._existing == "replace":
            tell_replaced(before, features, self._identities, made, list(computed))
        if self._existing == "add":
            check_adding(before, features, made, list(computed))
        else:
            warn_of_other_settings(before, made)

    def known(self, row: int) -> dict[str, Stored] | Failure | None:
        """What the store has of a row; None if nothing, if not all, or if its files cannot be read."""
        return self.computation.outcome(row) if self.computation.readable(row) else None

    @no_secrets()
    def finish(self, workers: Workers, *, shard_rows: int | None) -> Dataset:
        """Compute what is missing, write `out` if there is one, and return the data set with the new columns.

        Raises KeyboardInterrupt with the number of clips that are stored.
        """
        try:
            return self._finish(workers, shard_rows)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(self._stored_words()) from None

    def _finish(self, workers: Workers, shard_rows: int | None) -> Dataset:
        if workers.engine == "local" and workers.num_readers and not self.pipeline.decodes_media:
            raise ValueError(
                f"num_readers={workers.num_readers} would have no effect: the data set brings its frames: there is "
                "nothing to decode. Leave it out."
            )
        self.computation.store.tidy()
        unreadable = self.computation.unreadable()
        self._raise_known_failures(unreadable)
        self._compute(workers, ShardSize(rows=shard_rows))
        assembly = Assembly(self.computation, unreadable)
        made = self._made(assembly)
        if self.out is not None:
            self._write(assembly, made, self.out, shard_rows)
        return self._result(assembly, made)

    def _stored_words(self) -> str:
        self.computation.store.refresh()
        stored, total = sum(self.known(row) is not None for row in range(len(self.ds))), len(self.ds)
        return f"{stored} of {total} clips stored, run the same again" + (" for the others" if stored < total else "")

    def coverage_note(self, done: Dataset) -> str | None:
        """What to know about clips with few faces or none among those that are "ok"; None if nothing.

        done: what `finish` returned.
        """
        if not any(schema.FACE_COVERAGE in stage.makes for stage in self.pipeline.stages):
            return None
        facts = zip(*_values(done, schema.STATUS, schema.FACE_COVERAGE), strict=True)
        note = coverage_note(coverage for status, coverage in facts if status == schema.OK)
        return note and (
            f"{note}. See the column {schema.FACE_COVERAGE}; min_face_coverage={LOW_COVERAGE} (--min-face-coverage) "
            "makes such clips fail, and computes none anew."
        )

    def _raise_known_failures(self, unreadable: dict[int, Failure]) -> None:
        for row in range(len(self.ds)) if self.computation.raises else ():
            outcome = unreadable.get(row) or self.known(row)
            if isinstance(outcome, Failure):
                raise named(outcome.error(), self.computation.label(row))

    def _compute(self, workers: Workers, size: ShardSize) -> None:
        computation = self.computation
        rows = self.failed_before if self._retry_failed else None
        units = [unit for unit in computation.units(rows) if computation.missing(unit)]
        if units and workers.engine == "local":  # Ray's machines have memory of their own, and look at it themselves
            num_proc = workers.num_proc
            check_memory(self.pipeline, None if num_proc is None else min(num_proc, len(units)))
        progress = Progress(sum(len(computation.missing(unit)) for unit in units))

        def report(done: Report) -> None:
            self.computed += done.rows
            if done.rows:
                progress.advance(done.rows, done.failed, done.times, changed=done.changed)
            for stage, spent in done.times.items():
                timing.add(stage, spent.seconds, spent.rows)
            if done.shards:
                progress.shard(done.stored)

        try:
            if units:
                run = run_ray if workers.engine == "ray" else run_local
                run(computation, units, made_with(self.pipeline.stages), workers=workers, size=size, report=report)
        finally:
            progress.close()
        left = sum(len(computation.missing(unit)) for unit in computation.units()) if self._retry_failed else 0
        if left:
            raise ValueError(
                f"{self.computed} failed clips were computed again; {left} others are new, or a file that failed has "
                "been replaced. Run the same without retry_failed (--retry-failed): it computes these."
            )

    def _write(self, assembly: Assembly, made: Mapping[str, Any], out: Path, shard_rows: int | None) -> None:
        labels = self._labels
        errors = assembly.errors(folders=False)
        rows = FeatureRows(
            labels=labels if labels.column_names else None,
            features=self.pipeline.features,
            row_ids=[f"{one} {error}" for one, error in zip(assembly.row_ids, errors, strict=True)],
            keys=[list(keys) for keys in zip(*self.computation.keys.values(), strict=True)],
            withheld=tuple(dict.fromkeys(left_out(name, reason) for name, reason in self._left_out().items())),
            tables=lambda ranges: assembly.tables(ranges, errors),
            identities=self._identities,
            failed=[status != schema.OK for status in assembly.statuses],
        )
        write_feature_set(
            rows,
            out,
            self.computation.store.root,
            made,
            shard_rows or rows_a_file(rows.all_features),
            existing=self._existing,
        )

    @cached_property
    def _labels(self) -> Dataset:
        labels = without_media(self._kept)
        return labels.remove_columns([name for name in self._held_back if name in labels.features])

    @cached_property
    def _identities(self) -> list[RowIdentity]:
        return row_identities(self.ds, self._contents)

    def _left_out(self) -> dict[str, str]:
        """Columns that are not written, and why."""
        return {**self._held_back, **dict.fromkeys(self.pipeline.sensitive, SHOWS_PEOPLE)}

    @cached_property
    def _held_back(self) -> dict[str, str]:
        """Columns that came with the data set and are not written, and why."""
        return held_back(self._kept, self._include)

    def _made(self, assembly: Assembly) -> dict[str, Any]:
        versions = merged(assembly.made_with() or [made_with(self.pipeline.stages)])
        return describe_run(self.pipeline, made_with=versions)

    def _result(self, assembly: Assembly, made: Mapping[str, Any]) -> Dataset:
        kept, done = self._kept, assembly.dataset()
        if kept.column_names:
            if kept._indices is not None:  # else `datasets` would write the new columns anew, too
                kept = kept.flatten_indices()
            done = concatenate_datasets([kept, done], axis=1)
        carry_making(done, made)
        return done

    @cached_property
    def _kept(self) -> Dataset:
        return self.ds.remove_columns([name for name in self.pipeline.features if name in self.ds.column_names])


def open_run(
    ds: Dataset,
    model: str | os.PathLike[str] | None,
    *,
    stages: Sequence[str] | None,
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
    pipeline = build_pipeline(model, stages=stages, present=ds.column_names, keep=keep, on_error=on_error, **options)
    if model is None and defaults().model is None and any(stage.has_weights for stage in pipeline.stages):
        raise ModelError(NO_MODEL)
    for stage in pipeline.stages:
        stage.check_columns(ds.column_names)
    _ = pipeline.features  # a model that is not there is an error now and not after the clips were read
    pipeline = pipeline.pinned()
    root = Path(HF_DATASETS_CACHE) / "emollama_hf" if destination is None else destination / INSIDE_OUT
    run = Run(ds, pipeline, destination, WorkStore(root), include=named, existing=existing, retry_failed=retry_failed)
    if not look_only:
        run.check_existing()
    return run
