"""One worker: claims units, computes them and publishes shards until nothing is missing.

Workers know nothing of each other but the store. A process pool, a second run of the same command and a cluster are
several of them.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing, nullcontext
from typing import Any

from filelock import FileLock

from emollama_hf.console.logs import package_logger
from emollama_hf.engines.open_shard import OpenShard, ShardSize
from emollama_hf.engines.runner import Runner, RunnerFailed
from emollama_hf.errors import StoreError
from emollama_hf.planning.computation import Computation, Report, Unit
from emollama_hf.planning.task import Task
from emollama_hf.work_store.work_store import Publisher
from emollama_hf.work_store.writing_thread import WritingThread

logger = package_logger(__name__)

WAIT_SECONDS = 0.5
#: Each claim is an open file, and many systems allow 256.
MOST_CLAIMS = 100


class Stopped(Exception):
    """Somebody asked this worker to stop; what it had finished is published."""


def work(
    computation: Computation,
    units: list[Unit],
    made_with: dict[str, Any],
    *,
    start: int = 0,
    size: ShardSize,
    runner: Runner,
    report: Callable[[Report], None] = lambda report: None,
    stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Return when every unit has been computed, here or by another worker.

    start: place of the first unit to take, so that several workers begin apart from each other and each gets runs of
    neighbouring rows. runner: takes the units through the stages; closed at the end. report: told of each unit and each
    shard. stopped: asked after each unit.
    Raises what computing raises, StoreError and Stopped; what was finished before is published first.
    """
    try:
        with (
            closing(runner),
            computation.store.writing(made_with) as publisher,
            # Where clips are computed one after the other here, each shard is safe before the next one begins: a killed
            # run loses one at most.
            WritingThread(publisher) if runner.ahead else nullcontext(publisher) as writer,
            _ClaimedShard(computation, writer, size, report, runner) as shard,
        ):
            _work_through(computation, units[start:] + units[:start], shard, stopped)
    except RunnerFailed as error:  # no StoreError before this: after one, nothing more is published
        raise StoreError(str(error)) from error


def _work_through(
    computation: Computation, todo: list[Unit], shard: _ClaimedShard, stopped: Callable[[], bool]
) -> None:
    taken: set[str] = set()  # by others, as far as we know
    done: set[str] = set()  # here; of a clip that changed meanwhile nothing is stored, and it must not come round again
    told = False
    while todo := [unit for unit in todo if unit.id not in done and computation.missing(unit)]:
        free = [unit for unit in todo if unit.id not in taken]
        if not free:
            shard.finish()
            shard.publish()
            shard.land()  # others may wait for these rows as we wait for theirs
            if not computation.store.refresh() and taken:
                if not told:
                    logger.info(
                        "waiting for other workers, which have the last %d clips in hand",
                        sum(len(unit.rows) for unit in todo),
                    )
                    told = True
                time.sleep(WAIT_SECONDS)
            taken.clear()
            if stopped():
                raise Stopped
            continue
        place = 0
        while place < len(free):
            unit = free[place]
            if shard.claim(unit):
                if computation.missing(unit):
                    shard.start(unit)
                done.add(unit.id)
                place += 1
            else:
                taken.add(unit.id)
                place += 1 + (len(free) - place) // 2  # leave its neighbours to whoever is at work there
            if stopped():
                raise Stopped
        shard.finish()
        computation.store.refresh()


class _ClaimedShard(OpenShard):
    """The shard that is being filled, and the claims on the rows in it and on those that are being computed."""

    def __init__(
        self,
        computation: Computation,
        publisher: Publisher | WritingThread,
        size: ShardSize,
        report: Callable[[Report], None],
        runner: Runner,
    ) -> None:
        super().__init__(computation, publisher, size, report)
        self._locks: dict[str, FileLock] = {}
        self._locks_on_their_way: list[FileLock] = []  # of the rows of the shard that is on its way to the disk
        self._runner = runner
        self._running: OrderedDict[str, Future[Task]] = OrderedDict()

    def __enter__(self) -> _ClaimedShard:
        return self

    def __exit__(self, *error: Any) -> None:
        try:
            super().__exit__(*error)
        finally:
            self._running.clear()
            self._send_locks()
            self._release()

    def claim(self, unit: Unit) -> bool:
        if len(self._locks) + len(self._locks_on_their_way) >= MOST_CLAIMS:
            self.land()
        lock = self._computation.store.try_claim(unit.id)
        if lock is None:
            return False
        self._locks[unit.id] = lock
        self._computation.store.refresh()  # it may have been finished before the claim was free
        return True

    def start(self, unit: Unit) -> None:
        """Compute a unit that was claimed, and take in the first of those before it if enough are running."""
        self._running[unit.id] = self._runner.start(self._computation.task(unit))
        self._take_in(self._runner.ahead)

    def finish(self) -> None:
        """Take in all that is running."""
        self._take_in(0)

    def _take_in(self, leave: int) -> None:
        while len(self._running) > leave:
            task = next(iter(self._running.values())).result()
            self._running.popitem(last=False)
            self.add(task)

    def is_full(self) -> bool:
        return super().is_full() or len(self._locks) >= MOST_CLAIMS

    def publish(self) -> None:
        super().publish()
        self._send_locks()
        self.land(wait=False)

    def land(self, *, wait: bool = True) -> None:
        super().land(wait=wait)
        if self._on_its_way is None:
            self._release()

    def _send_locks(self) -> None:
        for unit in [unit for unit in self._locks if unit not in self._running]:
            self._locks_on_their_way.append(self._locks.pop(unit))

    def _release(self) -> None:
        while self._locks_on_their_way:
            self._computation.store.release(self._locks_on_their_way.pop())
