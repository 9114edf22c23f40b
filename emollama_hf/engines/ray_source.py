"""Tasks for a cluster, planned when they are wanted: a million clips are never in memory at once.

    planner (a thread of the driver) ─► exchange (an actor) ─► reader (a task of Ray Data) ─► the first pool

Whatever dies on the way is started again by Ray and asks once more, for the same numbers.
"""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pyarrow as pa
import ray
from ray.data import Datasource
from ray.data.block import BlockMetadata
from ray.data.datasource import ReadTask
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from emollama_hf.engines.ray_worker import message
from emollama_hf.engines.sendable import sendable
from emollama_hf.planning.computation import Computation, Unit

GOODBYE_SECONDS = 10.0
#: On a busy machine an answer of Ray got lost now and then, and the run waited for ever.
ASK_AGAIN_SECONDS = 30.0


@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)
class Exchange:
    """Where a reader asks for task number `index` and waits until the driver has put it there.

    Every call may be made again, by Ray or by whoever waits too long for its answer, and nothing is lost by it.
    """

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._given: dict[int, asyncio.Future[bytes]] = {}
        self._stopped = False

    async def take(self, index: int) -> bytes:
        """A pickled (task, error), or (None, None) after the last."""
        if index not in self._given:
            self._given[index] = asyncio.get_running_loop().create_future()
        self._asked.set()
        return await asyncio.shield(self._given[index])

    async def wanted(self) -> int:
        """The lowest number that is asked for and has not been given; -1 if there is none after `stop`."""
        while not self._given:
            if self._stopped:
                return -1
            self._asked.clear()
            await self._asked.wait()
        return min(self._given)

    async def stop(self) -> None:
        self._stopped = True
        self._asked.set()

    async def give(self, index: int, task: bytes) -> None:
        given = self._given.pop(index, None)
        if given is not None and not given.done():
            given.set_result(task)


def answer_of(ask: Callable[[], Any]) -> Any:
    """What a call of an actor returns. ask: makes the call; made again if the answer takes long, as it may be lost."""
    while True:
        with suppress(ray.exceptions.GetTimeoutError):
            return ray.get(ask(), timeout=ASK_AGAIN_SECONDS)


class TaskSource(Datasource):
    """A source of Ray Data with one reader, which asks the exchange for one task after the other."""

    def __init__(self, exchange: Any) -> None:
        self._exchange = exchange

    def estimate_inmemory_data_size(self) -> int | None:
        return None  # unknown, and not to be found out

    def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[ReadTask]:
        exchange = self._exchange

        def read() -> Iterator[pa.Table]:
            index = 0
            while True:
                task, error = pickle.loads(answer_of(partial(exchange.take.remote, index)))
                if task is None and error is None:
                    return
                yield message(index, task or b"", error)
                index += 1

        return [ReadTask(read, BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None))]


class Planner:
    """Plans tasks while a block runs, `ahead` of what is `finished` at most.

    lock: held while the computation is asked, since it is asked from elsewhere, too.
    """

    def __init__(self, computation: Computation, units: list[Unit], lock: threading.Lock, ahead: int) -> None:
        self._computation, self._units, self._lock = computation, units, lock
        self._room = threading.Semaphore(ahead)
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
        self.exchange = Exchange.options(scheduling_strategy=here).remote()  # type: ignore[attr-defined]
        self._ended = False
        self._planned = 0
        self._thread = threading.Thread(target=self._run, name="plan tasks for Ray", daemon=True)

    def __enter__(self) -> Planner:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.end()
        with suppress(Exception):  # it ends by itself when nobody has it any more
            self.exchange.stop.remote()
        self._thread.join(GOODBYE_SECONDS)

    def end(self) -> None:
        """Whoever asks for another task hears that there is none."""
        self._ended = True
        self._room.release()

    def finished(self) -> None:
        """A task has come back: another one may be planned."""
        self._room.release()

    def _run(self) -> None:
        try:
            self._answer()
        except BaseException:
            with suppress(Exception):  # else whoever asks would wait for ever
                ray.kill(self.exchange)

    def _answer(self) -> None:
        while True:
            index = answer_of(self.exchange.wanted.remote)
            if index < 0:
                return
            while self._planned <= index < len(self._units) and not self._ended:
                self._room.acquire()  # but not for one that is asked for again
                self._planned += 1
            ray.get(self.exchange.give.remote(index, self._plan(index)))

    def _plan(self, index: int) -> bytes:
        if self._ended or index >= len(self._units):
            return pickle.dumps((None, None))
        try:
            with self._lock:
                task = self._computation.task(self._units[index])
            return pickle.dumps((pickle.dumps(task, protocol=5) if task.rows else b"", None))
        except Exception as error:
            return pickle.dumps((None, sendable(error)))
