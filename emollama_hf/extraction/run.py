"""One call of `extract`, opened: what is known of its rows, what is computed, and what becomes of it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset, concatenate_datasets
from datasets.table import InMemoryTable

from emollama_hf import schema
from emollama_hf.console import timing
from emollama_hf.console.logs import package_logger
from emollama_hf.console.progress import Progress, hashing_bar
from emollama_hf.console.safe_errors import no_secrets
from emollama_hf.engines.local import run_local
from emollama_hf.engines.open_shard import ShardSize
from emollama_hf.engines.ray_data import run_ray
from emollama_hf.engines.workers import Workers
from emollama_hf.extraction.assembly import Assembly
from emollama_hf.extraction.carried import carry_making
from emollama_hf.extraction.output import Output
from emollama_hf.feature_set.run_description import describe_run, made_with, merged
from emollama_hf.frames.faces.face_coverage import LOW_COVERAGE, coverage_note
from emollama_hf.planning.computation import Computation, Report
from emollama_hf.planning.memory_check import check_memory
from emollama_hf.planning.row_keys import row_keys
from emollama_hf.stages.pipeline import Pipeline
from emollama_hf.stages.running import named
from emollama_hf.work_store.shard import Failure
from emollama_hf.work_store.work_store import Stored, WorkStore

logger = package_logger(__name__)


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
        contents: dict[str, list[str | None]] = {}
        bar = hashing_bar(len(ds))
        advance = (lambda rows: None) if bar is None else bar.update
        keys = row_keys(ds, pipeline, advance=advance, contents=contents)
        if bar is not None:
            bar.close()
        self.computation = Computation(ds, pipeline, keys, store)
        #: What is written to `out`, and what stays of the data set in what is returned.
        self.output = Output(ds, pipeline, contents, include=include, existing=existing)
        #: Rows that failed in an earlier run.
        self.failed_before = [row for row in range(len(ds)) if isinstance(self.known(row), Failure)]
        #: Clips that this run has computed.
        self.computed = 0
        #: What became of the rows; None before `finish`.
        self.assembly: Assembly | None = None
        #: What clips a word about their number calls them.
        self._clips = "clips"
        self._retry_failed = retry_failed
        if retry_failed:
            again = WorkStore(store.root, retry=store.shard_names)
            self.computation = Computation(ds, pipeline, keys, again)

    def select(self, rows: Sequence[int], *, unit_rows: int | None = None) -> Run:
        """A run of some of the rows, in the same work store, that writes no data set.

        Args:
            rows: their positions.
            unit_rows: rows that are computed together; by default the stages' micro-batch.
        """
        chosen = copy.copy(self)
        chosen.ds, chosen.out = some_rows(self.ds, rows), None
        keys = {stage: [found[row] for row in rows] for stage, found in self.computation.keys.items()}
        chosen.computation = Computation(
            chosen.ds, self.pipeline, keys, self.computation.store, positions=rows, unit_rows=unit_rows
        )
        chosen.output = self.output.select(chosen.ds, rows)
        chosen.failed_before, chosen.computed, chosen._clips = [], 0, "sampled clips"
        return chosen

    def missing(self) -> list[int]:
        """Positions of the clips whose outcome is not known; of equal ones the first."""
        return [row for unit in self.computation.units() for row in self.computation.missing(unit)]

    def check_existing(self) -> None:
        """Check, before anything is computed, that `out` loses no rows or columns unasked.

        Raises:
            ExistingRowsError: it would.
        """
        if self.out is not None:
            self.output.check_existing(self.out, self.computation.store.root)

    def known(self, row: int) -> dict[str, Stored] | Failure | None:
        """What the store has of a row; None if nothing, if not all, or if its files cannot be read."""
        return self.computation.outcome(row) if self.computation.readable(row) else None

    @no_secrets()
    def finish(
        self,
        workers: Workers,
        *,
        shard_rows: int | None,
        watch: Callable[[Report], None] = lambda report: None,
    ) -> Dataset:
        """Compute what is missing, write `out` if there is one, and return the data set with the new columns.

        watch: told of each report of the workers.
        Raises KeyboardInterrupt with the number of clips that are stored.
        """
        try:
            return self._finish(workers, shard_rows, watch)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(self._stored_words()) from None

    def _finish(self, workers: Workers, shard_rows: int | None, watch: Callable[[Report], None]) -> Dataset:
        if workers.engine == "local" and workers.num_readers and not self.pipeline.decodes_media:
            raise ValueError(
                f"num_readers={workers.num_readers} would have no effect: the data set brings its frames: there is "
                "nothing to decode. Leave it out."
            )
        if workers.engine == "ray" and any(stage.placement.detector == "gpu" for stage in self.pipeline.stages):
            raise ValueError(
                "detector='gpu' has no effect with engine='ray', whose workers find faces on their cores. Leave it out."
            )
        self.computation.store.tidy()
        unreadable = self.computation.unreadable()
        self._raise_known_failures(unreadable)
        self._compute(workers, ShardSize(rows=shard_rows), watch)
        assembly = self.assembly = Assembly(self.computation, unreadable)
        made = self._made(assembly)
        if self.out is not None:
            self.output.write(assembly, made, self.out, shard_rows)
        return self._result(assembly, made)

    def _stored_words(self) -> str:
        self.computation.store.refresh()
        stored, total = sum(self.known(row) is not None for row in range(len(self.ds))), len(self.ds)
        others = " for the others" if stored < total else ""
        return f"{stored} of {total} {self._clips} stored, run the same again{others}"

    def coverage_note(self, done: Dataset) -> str | None:
        """What to know about clips with few faces or none among those that are "ok"; None if nothing.

        done: what `finish` returned.
        """
        if not any(schema.FACE_COVERAGE in stage.makes for stage in self.pipeline.stages):
            return None
        facts = zip(*column_values(done, schema.STATUS, schema.FACE_COVERAGE), strict=True)
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

    def _compute(self, workers: Workers, size: ShardSize, watch: Callable[[Report], None]) -> None:
        computation = self.computation
        rows = self.failed_before if self._retry_failed else None
        units = [unit for unit in computation.units(rows) if computation.missing(unit)]
        if units and workers.engine == "local":  # Ray's machines have memory of their own, and look at it themselves
            num_proc = workers.num_proc
            check_memory(self.pipeline, None if num_proc is None else min(num_proc, len(units)))
        progress = Progress(sum(len(computation.missing(unit)) for unit in units))

        def report(done: Report) -> None:
            watch(done)
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

    def _made(self, assembly: Assembly) -> dict[str, Any]:
        versions = merged(assembly.made_with() or [made_with(self.pipeline.stages)])
        return describe_run(self.pipeline, made_with=versions)

    def _result(self, assembly: Assembly, made: Mapping[str, Any]) -> Dataset:
        kept, done = self.output.kept, assembly.dataset()
        if kept.column_names:
            if kept._indices is not None:  # else `datasets` would write the new columns anew, too
                kept = kept.flatten_indices()
            done = concatenate_datasets([kept, done], axis=1)
        carry_making(done, made)
        return done


def some_rows(ds: Dataset, rows: Sequence[int]) -> Dataset:
    """A few rows in memory: what `select` gives, without indices that are flattened behind a bar later."""
    table = ds.with_format("arrow")[list(rows)]
    return Dataset(InMemoryTable(table), info=ds.info.copy(), split=ds.split)


def column_values(ds: Dataset, *names: str) -> list[list[Any]]:
    """All values of some columns of what `finish` returned, whose rows lie as its table has them.

    A `Column` of `datasets` takes ten times as long.
    """
    return [ds.data.column(name).to_pylist() for name in names]
