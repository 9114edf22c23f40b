"""Tasks for a cluster, planned when they are wanted: a million clips are never in memory at once.

    planner (a thread of the driver) ─► exchange (an actor) ─► reader (a task of Ray Data) ─► the first pool

Whatever dies on the way is started again by Ray and asks once more, for the same numbers. An exchange that lives and
does not answer ends the run.
"""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pyarrow as pa
import ray
from ray.data import Datasource
from ray.data.block import BlockMetadata
from ray.data.datasource import ReadTask
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from emollama_hf.engines.ray_worker import message
from emollama_hf.engines.sendable import sendable
from emollama_hf.errors import SafeMessage
from emollama_hf.planning.computation import Computation, Unit

GOODBYE_SECONDS = 10.0
#: How long the planner waits for somebody to ask, before it makes sure that the exchange is there,
LOOK_SECONDS = 30.0
#: and how long the exchange may be silent. Ray 2.60 now and then stops telling a driver that has done many runs what
#: becomes of its actors: it then takes none of them for started, and waits for ever.
SILENT_SECONDS = 300.0


@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)
class Exchange:
    """Where a reader asks for task number `index` and waits until the driver has put it there.

    Ray may make every call again, and nothing is lost by it.
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

    async def here(self) -> None:
        """Answer at once."""

    async def stop(self) -> None:
        self._stopped = True
        self._asked.set()

    async def give(self, index: int, task: bytes) -> None:
        given = self._given.pop(index, None)
        if given is not None and not given.done():
            given.set_result(task)


class SilentRay(SafeMessage):
    """Ray does not answer."""


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
                task, error = pickle.loads(ray.get(exchange.take.remote(index)))
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
        #: What ended the planner, and with it the run.
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="plan tasks for Ray", daemon=True)

    def __enter__(self) -> Planner:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.end()
        with suppress(Exception):
            self.exchange.stop.remote()
        self._thread.join(GOODBYE_SECONDS)
        self._end_exchange()  # else it would end whenever nobody has it any more, which may be in a later run

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
        except BaseException as error:
            self.failure = error
            self._end_exchange()  # else whoever asks would wait for ever

    def _end_exchange(self) -> None:
        with suppress(Exception):
            ray.kill(self.exchange)

    def _answer(self) -> None:
        while (index := self._wanted()) >= 0:
            while self._planned <= index < len(self._units) and not self._ended:
                self._room.acquire()  # but not for one that is asked for again
                self._planned += 1
            self._heard(self.exchange.give.remote(index, self._plan(index)))

    def _wanted(self) -> int:
        """The next number that somebody asks for, however long that takes."""
        asked = self.exchange.wanted.remote()
        while True:
            with suppress(ray.exceptions.GetTimeoutError):
                return int(ray.get(asked, timeout=LOOK_SECONDS))
            self._heard(self.exchange.here.remote())

    def _heard(self, answer: Any) -> None:
        """Wait for what the exchange answers at once. Raises SilentRay."""
        try:
            ray.get(answer, timeout=SILENT_SECONDS)
        except ray.exceptions.GetTimeoutError as error:
            raise SilentRay(
                f"Ray has delivered no answer to this process for {SILENT_SECONDS:g} s. Either the cluster is too "
                "busy to start a process, or this process hears no more of it, which happens after many runs in one: "
                "start a new one."
            ) from error

    def _plan(self, index: int) -> bytes:
        if self._ended or index >= len(self._units):
            return pickle.dumps((None, None))
        try:
            with self._lock:
                task = self._computation.task(self._units[index])
            return pickle.dumps((pickle.dumps(task, protocol=5) if task.rows else b"", None))
        except Exception as error:
            return pickle.dumps((None, sendable(error)))
