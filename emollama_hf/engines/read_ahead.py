"""The frames stage in processes of its own, ahead of the models, so that a GPU does not wait for it.

    tasks ─► readers (processes), a row each: decode, find faces ─► lanes (threads of this process): the models ─► tasks

What a reader has computed comes in memory that both processes map (`message_memory`), and is no more than later stages
read and the store keeps (`Task.leave_behind`). Models are loaded while readers start.

Two lanes share one GPU (`lanes`). Where rows bring their frames there is nothing to read, and lanes alone are left.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import takewhile
from typing import Any, NamedTuple

from emollama_hf.console.logs import package_logger
from emollama_hf.engines.detector_process import DetectorProcess
from emollama_hf.engines.lanes import Lanes
from emollama_hf.engines.message_memory import Address, Message, MessageMemory, packed, unpacked
from emollama_hf.engines.runner import RunnerFailed
from emollama_hf.engines.start_process import end_with_parent, without_main
from emollama_hf.errors import ModelError
from emollama_hf.frames.faces.chosen_network import ask_detector_process, detector_problem
from emollama_hf.planning.task import Task
from emollama_hf.stages.reduction import Reduction, reading_of
from emollama_hf.stages.stage import Stage

logger = package_logger(__name__)

#: Beyond what readers and lanes have in hand, tasks that wait for a lane.
WAITING = 2
READER_DIED = (
    "a process that reads clips died (often a lack of memory). What was computed before is kept: run the same again, "
    "perhaps with fewer of them (num_readers)."
)
#: How often a lane that waits for a reader looks whether all of them live.
LOOK_SECONDS = 1.0
#: Tasks in flight are claimed, and each claim is an open file.
MOST_AHEAD = 60


def default_readers(workers: int) -> int:
    """Reader processes of each of `workers` that compute on GPUs: the cores, but one for each worker itself."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // workers - 1)


class ReadAhead:
    """Takes tasks through the stages before the first with a device in `readers` processes, then in `lanes` threads.

    together: rows a task. device, lanes: as `Lanes` takes them. detector: device of a process that finds faces for all
    readers; None where each of them does. A process that fails ends the run if a stage asks for "gpu"; else readers go
    on without it, and one warning says so.

    Raises:
        ModelError: the process that finds faces was asked for, and cannot be started.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        *,
        readers: int,
        together: int,
        device: str,
        lanes: int | None = None,
        detector: str | None = None,
    ) -> None:
        first = list(takewhile(lambda stage: not stage.uses_device, stages))
        self._first, self._later = first, stages[len(first) :]
        self._lanes = Lanes(device, lanes)
        # What readers have in hand, and not more: the frames of a clip are several megabytes.
        self.ahead = min(MOST_AHEAD, -(readers // -together) + self._lanes.count + WAITING)
        self._readers: ProcessPoolExecutor | None = None
        self._detector: DetectorProcess | None = None
        self._said: set[str] = set()
        self._saying = threading.Lock()
        if first:
            if detector is not None:
                self._detector = self._detector_process(detector)
            reading = reading_of(self._later, [column for stage in stages for column in stage.makes])
            # Spawned: a process that was forked from one with threads may hang.
            context = multiprocessing.get_context("spawn")
            initial = (pickle.dumps((first, reading)), None if self._detector is None else self._detector.address)
            self._readers = ProcessPoolExecutor(readers, context, _become_reader, initial)

    def start(self, task: Task) -> Future[Task]:
        if self._readers is None:
            return self._lanes.submit(self._finish, task, {})
        try:
            with without_main():  # the pool starts its processes when there is work for them
                reading = {i: self._ask(self._readers, part) for i, part in task.split(self._first).items()}
        except BrokenProcessPool as error:
            raise RunnerFailed(READER_DIED) from error
        return self._lanes.submit(self._finish, task, reading)

    def _ask(self, readers: ProcessPoolExecutor, part: Task) -> _Reading:
        try:
            memory = MessageMemory()
        except OSError as error:
            self._tell(error.strerror or str(error))
            return _Reading(readers.submit(_read, part, None), None)
        return _Reading(readers.submit(_read, part, memory.address), memory)

    def _detector_process(self, device: str) -> DetectorProcess | None:
        try:
            return DetectorProcess(device)
        except OSError as error:
            problem = f"no process that finds faces on the GPU could be started: {error.strerror or error}"
            if any(stage.placement.detector == "gpu" for stage in self._first):
                raise ModelError(f"{problem}. Use detector='cpu' (--detector cpu), or fewer num_readers.") from error
            self._tell_of_detector(problem)
            return None

    def _tell(self, problem: str) -> None:
        """Say once why what readers compute is copied on its way."""
        if self._is_new("pipe"):
            logger.info("clips come from their readers through a pipe, which takes a while: %s", problem)

    def _tell_of_detector(self, problem: str) -> None:
        """Say once why readers find faces themselves."""
        if self._is_new("detector"):
            logger.warning("readers find faces on their cores from here on, which takes longer: %s", problem)

    def _is_new(self, subject: str) -> bool:
        with self._saying:  # of two lanes
            before = len(self._said)
            self._said.add(subject)
            return len(self._said) > before

    def close(self) -> None:
        self._lanes.drop()
        if self._readers is not None:
            self._readers.shutdown(wait=True, cancel_futures=True)
        if self._detector is not None:
            self._detector.close()
        self._lanes.close()

    def _finish(self, task: Task, reading: Mapping[int, _Reading]) -> Task:
        for stage in self._later if reading else ():
            if task.needs(stage):
                stage.ready()  # loads its model while readers start and read
        try:
            task.take_in({i: self._read(part) for i, part in reading.items()})
        except BrokenProcessPool as error:
            raise RunnerFailed(READER_DIED) from error
        return task.run(self._later).leave_behind({})

    def _read(self, part: _Reading) -> Task:
        """What a reader has sent. Raises BrokenProcessPool if one of them has died."""
        while not wait([part.answer], LOOK_SECONDS).done:
            self._end_if_one_died()
        message, no_detector = part.answer.result()
        if no_detector:
            self._tell_of_detector(no_detector)
        if message.problem:
            self._tell(message.problem)
        if part.memory is None:
            task: Task = unpacked(message)
            return task
        try:
            task = part.memory.received(message)
            return task
        finally:
            part.memory.close()

    def _end_if_one_died(self) -> None:
        # The pool notices by itself, unless a reader is killed within a message: then it waits for the rest of the
        # message for as long as anybody, other readers and this process too, could still write to the pipe
        # (tests/engines/test_read_ahead.py::test_a_reader_that_is_killed_within_a_message_ends_the_run).
        readers: Any = self._readers
        processes = list((readers._processes or {}).values())
        if all(process.is_alive() for process in processes):
            return
        for process in processes:
            process.kill()
            process.join()
        readers._result_queue._writer.close()


class _Reading(NamedTuple):
    """What a reader was asked for: its answer, and the memory that the answer refers to."""

    answer: Future[_Answer]
    memory: MessageMemory | None


class _Answer(NamedTuple):
    """What a reader has computed, and why it does without the detector process that it was told of, or ""."""

    message: Message
    no_detector: str


_stages: list[Stage] = []
_reading: dict[str, Mapping[str, Reduction | None]] = {}


def _become_reader(stages: bytes, detector: str | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends its readers
    threading.Thread(target=end_with_parent, daemon=True).start()
    _stages[:], reading = pickle.loads(stages)
    _reading.update(reading)
    if detector is not None:
        ask_detector_process(detector)


def _read(task: Task, memory: Address | None) -> _Answer:
    message = packed(task.run(_stages).leave_behind(_reading), memory)
    return _Answer(message, detector_problem())
