"""A few clips of a run, computed and stored as the whole run would: a first look, and what an estimate is made of."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from datasets import Dataset

from emollama_hf.console.safe_errors import no_secrets
from emollama_hf.engines.ray_cluster import joined
from emollama_hf.engines.ray_pools import Node
from emollama_hf.engines.workers import Workers
from emollama_hf.extraction.run import Run
from emollama_hf.extraction.sample_choice import Part, choose_parts, clip_sizes
from emollama_hf.extraction.sample_watch import SampleWatch
from emollama_hf.planning.computation import Computation
from emollama_hf.work_store.stored_size import row_sizes
from emollama_hf.work_store.work_store import Stored


@dataclass(frozen=True)
class Sample:
    """What came of a sample.

    Attributes:
        run: of the sampled rows.
        ds: these rows with their new columns, in the order of the data set.
        rows: their positions in the data set.
        parts: that stand for all clips that were missing, small files first; none if nothing was missing.
        watch: what was seen meanwhile.
        stored_bytes: that each row has added to the work store, in the order of `rows`.
        nodes: of the cluster, for Ray.
    """

    run: Run
    ds: Dataset
    rows: Sequence[int]
    parts: Sequence[Part]
    watch: SampleWatch
    stored_bytes: Sequence[float]
    nodes: Sequence[Node] = field(default=())

    @property
    def computed(self) -> int:
        """Clips that were computed now."""
        return self.run.computed


def check_sample_alone(sample: int | None, *, retry_failed: bool) -> None:
    """Raise ValueError for a sample of clips that failed before: a sample is of clips that nobody has computed."""
    if sample is not None and retry_failed:
        raise ValueError(
            "sample (--sample, --estimate) computes clips that are not known, retry_failed (--retry-failed) those that "
            "failed. Leave one of them out."
        )


@no_secrets()
def take_sample(run: Run, count: int, workers: Workers, *, shard_rows: int | None = None) -> Sample:
    """Compute some clips of a run that are missing, and store them; nothing else is written.

    Args:
        run: the whole one.
        count: clips to compute; all that are missing if there are not so many. If none is missing, nothing is
            computed, and the sample has so many of the known rows.
        workers, shard_rows: as for `extract`.

    Raises:
        KeyboardInterrupt: with the number of clips that are stored; all else as `Run.finish`.
    """
    computation = run.computation
    missing = run.missing()
    columns = list(dict.fromkeys(name for stage in run.pipeline.stages for name in stage.given(run.ds.column_names)))
    among = missing or list(range(len(run.ds)))
    parts = choose_parts(among, clip_sizes(run.ds, columns, among), count)
    rows = sorted(part.row for part in parts)
    unknown = _unknown(computation, rows)
    # Two batches at least: the first one of a GPU takes longer than all that follow.
    few = run.select(rows, unit_rows=min(run.pipeline.micro_batch, -(-len(rows) // 2)))
    watch = SampleWatch()
    with ExitStack() as stack:
        nodes = stack.enter_context(joined(workers.address)) if workers.engine == "ray" and missing else []
        done = few.finish(workers, shard_rows=shard_rows, watch=watch.note)
    computation.store.refresh()
    return Sample(few, done, rows, parts if missing else (), watch, _added_bytes(computation, rows, unknown), nodes)


def _unknown(computation: Computation, rows: Sequence[int]) -> list[tuple[int, str]]:
    """Rows and stages of which the work store has nothing."""
    keys, store = computation.keys, computation.store
    return [
        (row, stage.name)
        for row in rows
        for stage in computation.pipeline.stages
        if (key := keys[stage.name][row]) is not None and store.find(stage.name, key) is None
    ]


def _added_bytes(computation: Computation, rows: Sequence[int], unknown: Sequence[tuple[int, str]]) -> list[float]:
    """Bytes of each row in the work store, of the stages of which it had nothing."""
    added = dict.fromkeys(rows, 0.0)
    sizes: dict[tuple[Path, str], Sequence[float]] = {}
    for row, stage in unknown:
        found = computation.store.find(stage, str(computation.keys[stage][row]))
        if isinstance(found, Stored):
            place = found.shard.folder, stage
            if place not in sizes:
                sizes[place] = row_sizes(found.shard, stage)
            added[row] += sizes[place][found.at]
    return list(added.values())
