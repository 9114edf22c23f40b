"""Workers alone and beside each other: every unit is computed once, wherever each of them begins."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from emollama_hf.engines import open_shard, worker
from emollama_hf.engines.open_shard import ShardSize
from emollama_hf.engines.runner import InPlace
from emollama_hf.engines.worker import Stopped, work
from emollama_hf.errors import StoreError
from emollama_hf.extraction.open_run import open_run
from emollama_hf.planning.computation import Computation, Report
from emollama_hf.work_store.stored_rows import StoredRows
from emollama_hf.work_store.work_store import Stored, WorkStore
from tests.extraction.crops import OPTIONS, crops

ROWS = 6


def computation(folder: Path, *numbers: int) -> Computation:
    """What is left of sampling the frames of some clips into the store of `folder`/out; a unit is a row."""
    run = open_run(
        crops(folder / "clips", *numbers), "random-tiny", stages=["sample_frames"], out=folder / "out", on_error="null",
        keep=(), overwrite=False, retry_failed=False, **OPTIONS,
    )  # fmt: skip
    return run.computation


def run(left: Computation, *, rows: int | None = None, runner: Any = None, **options: Any) -> list[Report]:
    """Work through all units; what was reported on the way."""
    told: list[Report] = []
    stages = left.pipeline.stages
    work(
        left, left.units(), {"python": "3"}, size=ShardSize(rows=rows), runner=runner or InPlace(stages),
        report=told.append, **options,
    )  # fmt: skip
    return told


def sampled(left: Computation, row: int) -> int:
    """The first pixel of a row's crops, which tells whose they are."""
    found = left.find(left.pipeline.stages[0], row)
    assert isinstance(found, Stored)
    kind = left.features["sample_frames"]["facemae_frames"]
    return int(StoredRows().value(found, "sample_frames", "facemae_frames", kind).flat[0])


@pytest.mark.parametrize("start", [0, 1, 3, ROWS - 1, ROWS])
def test_a_worker_alone_computes_all_units_wherever_it_starts(start: int, tmp_path: Path) -> None:
    left = computation(tmp_path, *range(ROWS))
    told = run(left, start=start)
    assert sum(report.rows for report in told) == ROWS
    assert [report.stored for report in told] == [*[0] * ROWS, ROWS], "nothing is safe before the shard is"
    assert [left.missing(unit) for unit in left.units()] == [[]] * ROWS
    keys = [list(shard.computed("sample_frames")) for shard in left.store.shards]
    in_order = left.keys["sample_frames"]
    assert keys == [[*in_order[start:], *in_order[:start]]]
    pixels = [int(np.load(path).flat[0]) for path in left.ds["frames"]]
    assert len(set(pixels)) == ROWS
    whole = run_whole(tmp_path / "whole", *range(ROWS))
    assert [sampled(left, row) for row in range(ROWS)] == whole


def run_whole(folder: Path, *numbers: int) -> list[int]:
    """The first pixels of clips that were each computed by themselves."""
    found = []
    for number in numbers:
        one = computation(folder / str(number), number)
        run(one)
        found.append(sampled(one, 0))
    return found


@pytest.mark.parametrize(
    ("rows", "shards"), [(1, [1] * 6), (2, [2, 2, 2]), (4, [4, 2]), (6, [6]), (7, [6]), (None, [6])]
)
def test_a_shard_is_published_when_it_is_full_and_at_the_end(
    rows: int | None, shards: list[int], tmp_path: Path
) -> None:
    left = computation(tmp_path, *range(ROWS))
    told = run(left, rows=rows)
    assert [len(shard.computed("sample_frames")) for shard in left.store.shards] == shards
    assert sum(report.shards for report in told) == len(shards)


@pytest.mark.parametrize(
    ("size", "shards"),
    [(ShardSize(nbytes=1), [1] * 6), (ShardSize(nbytes=1, rows=4), [1] * 6), (ShardSize(seconds=25), [3, 3]),
     (ShardSize(seconds=30), [3, 3]), (ShardSize(seconds=31), [4, 2]), (ShardSize(seconds=5, rows=4), [4, 2])],
)  # fmt: skip
def test_a_shard_is_full_of_bytes_or_of_work_of_so_many_seconds(
    size: ShardSize, shards: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = computation(tmp_path, *range(ROWS))
    clock = [0.0]
    monkeypatch.setattr(open_shard, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    class TenSeconds(InPlace):
        def start(self, task: Any) -> Any:
            clock[0] += 10
            return super().start(task)

    runner = TenSeconds(left.pipeline.stages)
    work(left, left.units(), {"python": "3"}, size=size, runner=runner)
    assert [len(shard.computed("sample_frames")) for shard in left.store.shards] == shards


def test_a_shard_is_published_before_there_are_too_many_claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "MOST_CLAIMS", 2)
    left = computation(tmp_path, *range(5))
    run(left)
    assert [len(shard.computed("sample_frames")) for shard in left.store.shards] == [2, 2, 1]


def test_what_is_still_computed_stays_claimed_when_a_shard_is_published(tmp_path: Path) -> None:
    left = computation(tmp_path, *range(ROWS))
    units, others = left.units(), WorkStore(left.store.root)
    in_hand: list[int] = []

    class Ahead(InPlace):
        """Is given two tasks before the first one's result is asked for."""

        ahead = 2

        def start(self, task: Any) -> Any:
            begun = [unit for unit in units[: task.rows[0]] if left.missing(unit)]
            assert [others.try_claim(unit.id) for unit in begun] == [None] * len(begun)
            in_hand.append(len(begun))
            return super().start(task)

    run(left, rows=2, runner=Ahead(left.pipeline.stages))
    assert [len(shard.computed("sample_frames")) for shard in left.store.shards] == [2, 2, 2]
    assert in_hand[:4] == [0, 1, 2, 3]
    assert in_hand[4] in (2, 4), "the first two are published when the fourth is begun, and safe a little later"
    assert list((tmp_path / "out").rglob("claims/*")) == []


def test_one_shard_is_on_its_way_to_the_disk_and_its_rows_stay_claimed_until_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shard is lost at most, and the one that is being filled."""
    left = computation(tmp_path, *range(ROWS))
    units, others = left.units(), WorkStore(left.store.root)
    begun: list[int] = []
    go, fsync = threading.Event(), os.fsync

    def slow(file: int) -> None:
        assert go.wait(60)
        fsync(file)

    class Ahead(InPlace):
        ahead = 1

        def start(self, task: Any) -> Any:
            begun.append(task.rows[0])
            return super().start(task)

    monkeypatch.setattr(os, "fsync", slow)
    told: list[Report] = []
    running = threading.Thread(target=lambda: told.extend(run(left, rows=1, runner=Ahead(left.pipeline.stages))))
    running.start()
    running.join(1)
    assert running.is_alive()
    assert begun == [0, 1, 2], "one on its way, one in the open shard, one in hand"
    assert [others.try_claim(units[row].id) for row in begun] == [None] * 3
    go.set()
    running.join(60)
    assert [len(shard.computed("sample_frames")) for shard in left.store.shards] == [1] * ROWS
    assert sum(report.stored for report in told) == ROWS
    assert list((tmp_path / "out").rglob("claims/*")) == []


def test_what_is_known_is_not_computed_again(tmp_path: Path) -> None:
    run(computation(tmp_path, 1, 3))
    left = computation(tmp_path, *range(ROWS))
    assert sum(report.rows for report in run(left, start=2)) == ROWS - 2
    assert run(computation(tmp_path, *range(ROWS))) == []


@pytest.mark.parametrize("starts", [(0, 3), (0, 0), (2, 5)])
def test_workers_beside_each_other_compute_each_unit_once(starts: tuple[int, int], tmp_path: Path) -> None:
    several = [computation(tmp_path, *range(ROWS)) for _ in starts]
    told: list[Report] = []
    threads = [
        threading.Thread(target=lambda left=left, start=start: told.extend(run(left, start=start, rows=1)))
        for left, start in zip(several, starts, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(report.rows for report in told) == ROWS
    for left in several:
        assert [left.missing(unit) for unit in left.units()] == [[]] * ROWS, "each knows what the other has done"
    assert list((tmp_path / "out").rglob("claims/*")) == []
    assert list((tmp_path / "out").rglob("unfinished/*")) == []


def test_a_worker_waits_for_what_another_has_in_hand_and_takes_it_when_that_one_dies(tmp_path: Path) -> None:
    left = computation(tmp_path, *range(ROWS))
    other = WorkStore(left.store.root)
    units = left.units()
    held = [other.try_claim(unit.id) for unit in (units[0], units[3], units[5])]
    thread = threading.Thread(target=run, args=(left,))
    thread.start()
    thread.join(1)
    assert thread.is_alive(), "three clips are in another's hands"
    assert sum(len(shard.computed("sample_frames")) for shard in WorkStore(other.root).shards) >= 1, "others may wait"
    for lock in held:
        assert lock is not None
        other.release(lock)
    thread.join(60)
    assert not thread.is_alive()
    assert [left.missing(unit) for unit in units] == [[]] * ROWS


def test_a_worker_that_is_stopped_has_published_what_it_had_finished(tmp_path: Path) -> None:
    left = computation(tmp_path, *range(ROWS))
    asked: list[int] = []
    with pytest.raises(Stopped):
        run(left, stopped=lambda: asked.append(1) or len(asked) == 4)
    again = computation(tmp_path, *range(ROWS))
    assert sum(len(again.missing(unit)) for unit in again.units()) == ROWS - 4
    assert list((tmp_path / "out").rglob("claims/*")) == []


@pytest.mark.parametrize(
    ("error", "kept"), [(MemoryError("full"), 3), (KeyboardInterrupt(), 3), (StoreError("disk"), 0)]
)
def test_what_was_finished_before_an_error_is_published_unless_the_store_is_what_failed(
    error: BaseException, kept: int, tmp_path: Path
) -> None:
    left = computation(tmp_path, *range(ROWS))

    class Failing(InPlace):
        begun = 0

        def start(self, task: Any) -> Any:
            self.begun += 1
            if self.begun == 4:
                raise error
            return super().start(task)

    with pytest.raises(type(error)):
        run(left, runner=Failing(left.pipeline.stages))
    again = computation(tmp_path, *range(ROWS))
    assert ROWS - sum(len(again.missing(unit)) for unit in again.units()) == kept
    assert list((tmp_path / "out").rglob("claims/*")) == []
    assert list((tmp_path / "out").rglob("unfinished/*")) == []
