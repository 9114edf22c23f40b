"""How long a run will take, what it needs of disk and memory, and what limits it: from a few clips that are computed.

sample ─► seconds of each clip by stage ─► of the other clips, as a range ─► divided among the workers ─► the slowest
"""

from __future__ import annotations

import math
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from datasets import Dataset

from emollama_hf import schema
from emollama_hf.computing.available_memory import cuda_peak, peak_memory
from emollama_hf.console.safe_errors import no_secrets
from emollama_hf.engines.workers import Workers, check_count
from emollama_hf.extraction.expected_total import Range, of_the_others
from emollama_hf.extraction.extract import check_engine
from emollama_hf.extraction.open_run import open_run
from emollama_hf.extraction.run import Run, column_values
from emollama_hf.extraction.sample import Sample, take_sample
from emollama_hf.extraction.sample_watch import Costs
from emollama_hf.extraction.who_computes import ALONE, Division, Group, division_of
from emollama_hf.feature_set.trial_file import RowCost, row_cost
from emollama_hf.planning.memory_check import PlannedRun, planned_run
from emollama_hf.stages.given_encoders import GivenEncoder
from emollama_hf.stages.stage import Stage

T = TypeVar("T")

#: Clips that are computed unless somebody says how many.
SAMPLE = 8


@dataclass(frozen=True)
class Load:
    """A kind of work that the other clips need.

    Attributes:
        kind: "reading" (decoding, finding faces), "cores" (other stages without a network), "networks", "writing"
            (taking in results), or "disk" (the same where most of it is waiting for the disk).
        stages: names of the stages it consists of; none for writing and the disk.
        called: who does it.
        a_clip_s: seconds of one worker for a sampled clip, the mean.
        needs: seconds of the clock for all other clips, if it is all that there is to do.
    """

    kind: str
    stages: tuple[str, ...]
    called: str
    a_clip_s: float
    needs: Range


@dataclass(frozen=True)
class Estimate:
    """What the rest of a run needs. Times in seconds of the clock, sizes in bytes.

    Attributes:
        sampled: the rows that were computed, with their new columns, as `extract(sample=)` returns them.
        rows: of the whole data set.
        computed: clips that were computed for this.
        left: clips that are still to be computed; equal clips count once.
        statuses: of the sampled rows.
        film_s: length of the sampled clips; and of the others. 0 where lengths are unknown.
        loads: what has to be done for the other clips.
        in_turn: each worker takes a clip through everything before the next one, so that the loads add up; else they
            are done side by side, and the slowest one counts.
        at_a_time: clips that the workers take at a time in the largest group; if the sample has fewer, its own speed
            says nothing, and nothing here is computed from it.
        start_s: once, for processes, models and the first clip of each.
        folder_s: at the end, for the files that `load_dataset` opens.
        time: all of it.
        store: that the work store grows by.
        folder: of the files that `load_dataset` opens, without rows of `out` that are not in the data set; 0 without
            `out`.
        free: on the disk of both.
        memory: what is predicted; None for a run without networks.
        peak: largest resident memory of this process until now; and of the largest worker process, 0 without
            any. None where the system does not say.
        gpu_peak: that this process has taken of its GPU's memory at most; None without one, and of other processes.
    """

    sampled: Dataset
    rows: int
    computed: int
    left: int
    statuses: Counter[str]
    film_s: tuple[float, Range]
    loads: tuple[Load, ...]
    in_turn: bool
    at_a_time: int
    start_s: float
    folder_s: float
    time: Range
    store: Range
    folder: int
    free: int
    memory: PlannedRun | None
    peak: tuple[int, int] | None
    gpu_peak: int | None = None

    @property
    def limit(self) -> Load | None:
        """What takes longest, and so decides the time; None if nothing is left."""
        return max(self.loads, key=lambda load: load.needs.expected, default=None) if self.left else None

    @property
    def disk(self) -> Range:
        """Work store and files together."""
        return self.store + Range.of(self.folder)

    @property
    def fits_disk(self) -> bool:
        """Whether what is free holds even the high end."""
        return self.disk.high <= self.free

    def __str__(self) -> str:
        from emollama_hf.extraction.estimate_text import sentences

        return "\n".join(sentences(self))


@no_secrets()
def estimate(
    ds: Dataset,
    model: str | os.PathLike[str] | None = None,
    *,
    sample: int | None = SAMPLE,
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
    **options: Any,
) -> Estimate:
    """How long `extract` will take with the same arguments, and what it will need.

    A few clips that are not known yet are computed and stored, so that `extract` does not compute them again; they
    are spread over the clips in the order of their file sizes. Nothing else is written to `out`.

    Args:
        ds: as for `extract`.
        model: as for `extract`.
        sample: clips to compute, 8 for None; fewer if fewer are missing.
        stages, encoders, out, shard_rows, num_proc, num_readers, engine, address, on_error, keep, include, existing,
            overwrite, options: as for `extract`.

    Returns:
        Time, disk and memory for the rest; printed, it is a few sentences.

    Raises:
        ValueError: `sample` is no whole number of at least 1; all else as `extract`.

    Example:
        >>> print(estimate(ds, "emotion-llama-hf", out="features").time.expected)  # seconds
        2719.4
    """
    check_count("sample", sample, 1)
    workers = Workers(engine, address, num_proc, num_readers)
    check_engine(workers)
    run = open_run(
        ds, model, stages=stages, encoders=encoders, out=out, on_error=on_error, keep=keep, include=include,
        existing=existing, overwrite=overwrite, retry_failed=False, **options,
    )  # fmt: skip
    return estimate_of(run, take_sample(run, sample or SAMPLE, workers, shard_rows=shard_rows), workers)


def estimate_of(run: Run, sample: Sample, workers: Workers) -> Estimate:
    """What the rest of a run needs.

    Args:
        run: the whole one.
        sample: that was taken of it.
        workers: that compute the sample and the rest.
    """
    left = sum(part.clips - 1 for part in sample.parts)
    units = -(-left // run.pipeline.micro_batch)
    division = division_of(run.pipeline, workers, units, sample.computed, sample.nodes) if sample.parts else None
    here = workers.engine == "ray" or workers.num_proc is None
    costs = sample.watch.costs(
        in_turn=division is not None and division.in_turn,
        here=here,
        order=[sample.rows.index(part.row) for part in sample.parts],
        networks={stage.name for stage in run.pipeline.stages if stage.uses_device},
    )
    loads = _loads(sample, costs, division) if division is not None else ()
    needed = [load.needs for load in loads]
    in_turn = division is not None and division.in_turn
    work = sum(needed, Range()) if in_turn else Range.largest(needed)
    folder = RowCost(0.0, 0.0)
    if run.out is not None and sample.run.assembly is not None:
        folder = row_cost(sample.run.output.rows(sample.run.assembly), run.computation.store.root)
    folder_s = folder.seconds * len(run.ds)
    once = Range.of((costs.start_s if left else 0.0) + folder_s)
    memory = planned_run(run.pipeline, _processes(workers, units))
    alone = workers.engine == "local" and workers.num_proc is None
    return Estimate(
        sampled=sample.ds,
        rows=len(run.ds),
        computed=sample.computed,
        left=left,
        statuses=Counter(column_values(sample.ds, schema.STATUS)[0]),
        film_s=_film(sample),
        loads=loads,
        in_turn=in_turn,
        at_a_time=max((group.most for group in division.groups), default=1) if division else 1,
        start_s=costs.start_s,
        folder_s=folder_s,
        time=work + once,
        store=of_the_others(_in_parts(sample, sample.stored_bytes), sample.parts),
        folder=round(folder.nbytes * len(run.ds)),
        free=_free(run.computation.store.root),
        memory=memory,
        peak=_peak(division),
        gpu_peak=cuda_peak(memory.plan.device) if memory is not None and memory.plan.on_gpu and alone else None,
    )


def _loads(sample: Sample, costs: Costs, division: Division) -> tuple[Load, ...]:
    spent = _in_parts(sample, [costs.of_clips.get(index, {}) for index in range(len(sample.rows))])

    def load(kind: str, stages: Sequence[Stage], group: Group) -> Load:
        names = tuple(stage.name for stage in stages)
        values = [sum(one.get(name, 0.0) for name in names) for one in spent]
        needs = of_the_others(values, sample.parts).shared(group.least, group.usual, group.most)
        return Load(kind, names, group.called, sum(values) / len(values), needs)

    loads = []
    for group in division.groups:
        reading = [stage for stage in group.stages if not stage.uses_device]
        networks = [stage for stage in group.stages if stage.uses_device]
        kind = "reading" if any(stage.decodes_media for stage in reading) else "cores"
        if division.in_turn:
            loads += [load(name, some, group) for name, some in ((kind, reading), ("networks", networks)) if some]
        else:
            loads.append(load("networks" if networks else kind, group.stages, group))
    left = sum(part.clips - 1 for part in sample.parts)
    waits_s = 0.0 if costs.publish_processor_s is None else costs.publish_s - costs.publish_processor_s
    writing_s = costs.beside_s + costs.publish_s
    writer = division.groups[-1].called if division.writers > 1 else ALONE
    kind = "disk" if waits_s > writing_s / 2 else "writing"
    loads.append(Load(kind, (), writer, writing_s, Range.of(left * writing_s / division.writers)))
    return tuple(loads)


def _in_parts(sample: Sample, values: Sequence[T]) -> list[T]:
    """Values of the sampled rows, in the order of the parts that these stand for."""
    of_row = dict(zip(sample.rows, values, strict=True))
    return [of_row[part.row] for part in sample.parts]


def _film(sample: Sample) -> tuple[float, Range]:
    """Seconds of film of the sample and of the other clips."""
    if schema.CLIP_DURATION_S not in sample.ds.column_names:
        return 0.0, Range()
    (found,) = column_values(sample.ds, schema.CLIP_DURATION_S)
    lengths = [0.0 if value is None or math.isnan(value) else value for value in found]
    return sum(lengths), of_the_others(_in_parts(sample, lengths), sample.parts)


def _processes(workers: Workers, units: int) -> int | None:
    return None if workers.num_proc is None else max(1, min(workers.num_proc, units))


def _free(folder: Path) -> int:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(existing).free


def _peak(division: Division | None) -> tuple[int, int] | None:
    found = peak_memory()
    alone = division is None or all(group.called == ALONE for group in division.groups)
    return (found[0], 0) if found is not None and alone else found
