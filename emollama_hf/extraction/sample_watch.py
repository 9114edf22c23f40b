"""What is seen while a sample is computed: when each report came, and what each clip cost."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from emollama_hf.extraction.warming_up import without_warming_up
from emollama_hf.planning.computation import Report


@dataclass(frozen=True)
class Seen:
    """A report with the seconds since the start when it came, and of this thread's processor until then."""

    wall_s: float
    processor_s: float
    report: Report


@dataclass(frozen=True)
class Costs:
    """What a sample took.

    Attributes:
        of_clips: seconds of each clip by stage, by its position in the sample; absent for one that was not computed.
        start_s: until the first clip, once a run: starting processes, loading models, and what the first clip of each
            process took longer than later ones.
        beside_s: seconds a clip of whoever takes in results, beside the stages and before a shard is written. In a
            process that also computes all stages it is what these do not explain, else time of its processor.
        publish_s: seconds a clip of bringing shards to the disk.
        publish_processor_s: of these, time of the processor; the rest waits for the disk. None if another process did
            it.
    """

    of_clips: dict[int, dict[str, float]]
    start_s: float = 0.0
    beside_s: float = 0.0
    publish_s: float = 0.0
    publish_processor_s: float | None = None


@dataclass
class SampleWatch:
    """Listens to a run from its beginning; `note` is called with each report."""

    started_s: float = field(default_factory=time.monotonic)
    processor_started_s: float = field(default_factory=time.thread_time)
    seen: list[Seen] = field(default_factory=list)

    def note(self, report: Report) -> None:
        """Note a report now."""
        wall, processor = time.monotonic() - self.started_s, time.thread_time() - self.processor_started_s
        self.seen.append(Seen(wall, processor, report))

    def seconds(self) -> dict[int, dict[str, float]]:
        """What each clip took, by stage, by its position in the sample."""
        return _measured(self.seen)

    def costs(self, *, in_turn: bool, here: bool, order: Sequence[int] = (), networks: Collection[str] = ()) -> Costs:
        """What clips cost, and the rest.

        Args:
            in_turn: each process takes a clip through all stages before the next one.
            here: results are taken in and written by the thread that listens.
            order: of the clips by size, small ones first.
            networks: stages whose cost hardly depends on the clip.
        """
        return costs_of(self.seen, in_turn=in_turn, here=here, order=order, networks=networks)


def costs_of(
    seen: Sequence[Seen], *, in_turn: bool, here: bool, order: Sequence[int] = (), networks: Collection[str] = ()
) -> Costs:
    """As `SampleWatch.costs`, of given reports."""
    if not any(one.report.row_seconds for one in seen):
        return Costs({})
    workers: dict[int, list[Seen]] = defaultdict(list)
    for one in seen:
        workers[one.report.worker].append(one)
    firsts = {row for reports in workers.values() for row in _first(reports).report.row_seconds}
    measured = _measured(seen)
    of_clips, excess_s = without_warming_up(measured, firsts, order, networks)
    start_s = max(_start_s(_first(reports)) for reports in workers.values()) + excess_s / len(workers)
    gaps = [_beside(reports, in_turn=in_turn, here=here) for reports in workers.values()]
    published = [_published(reports) for reports in workers.values()]
    clips = len(measured)
    later = sum(rows for _, rows in gaps)
    return Costs(
        of_clips,
        start_s=start_s,
        beside_s=sum(seconds for seconds, _ in gaps) / later if later else 0.0,
        publish_s=sum(wall for wall, _ in published) / clips,
        publish_processor_s=sum(processor for _, processor in published) / clips if here else None,
    )


def _measured(seen: Sequence[Seen]) -> dict[int, dict[str, float]]:
    return {row: dict(spent) for one in seen for row, spent in one.report.row_seconds.items()}


def _first(reports: Sequence[Seen]) -> Seen:
    return next((one for one in reports if one.report.row_seconds), reports[0])


def _start_s(first: Seen) -> float:
    """Seconds before the first clips; these are read side by side where several are computed together."""
    slowest = max((sum(spent.values()) for spent in first.report.row_seconds.values()), default=0.0)
    return max(0.0, first.wall_s - slowest)


def _beside(reports: Sequence[Seen], *, in_turn: bool, here: bool) -> tuple[float, int]:
    """Seconds beside the stages from the first clip on, and the clips that came in them."""
    seconds, rows, before = 0.0, 0, None
    for one in reports:
        spent = one.report.row_seconds
        if spent and before is not None and (in_turn or here):
            stages = sum(sum(row.values()) for row in spent.values())
            wall = one.wall_s - before.wall_s - stages
            seconds += max(0.0, wall if in_turn else one.processor_s - before.processor_s)
            rows += len(spent)
        before = one
    return seconds, rows


def _published(reports: Sequence[Seen]) -> tuple[float, float]:
    """Seconds, and those of the processor, between the last clip of each shard and its end."""
    wall = processor = 0.0
    for before, one in pairwise(reports):
        if one.report.shards:
            wall += one.wall_s - before.wall_s
            processor += one.processor_s - before.processor_s
    return wall, min(processor, wall)
