"""Workers on this machine: this process, or `num_proc` processes with a model and one thread each.

Nothing that has a lock is shared with workers, only a pipe from each and a byte that all read: one that is killed while
it holds the lock of a queue or an event stops all the others for ever.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import multiprocess
import multiprocess.connection

from emollama_hf.computing import process as process_facts
from emollama_hf.console.logs import package_logger
from emollama_hf.engines.open_shard import ShardSize
from emollama_hf.engines.read_ahead import ReadAhead, default_readers
from emollama_hf.engines.runner import InPlace, Runner
from emollama_hf.engines.sendable import sendable
from emollama_hf.engines.start_process import without_main
from emollama_hf.engines.worker import Stopped, work
from emollama_hf.engines.workers import Workers
from emollama_hf.errors import StoreError
from emollama_hf.planning.computation import Computation, Report, Unit

logger = package_logger(__name__)

GOODBYE_SECONDS = 60.0


def run_local(
    computation: Computation,
    units: list[Unit],
    made_with: dict[str, Any],
    *,
    workers: Workers,
    size: ShardSize,
    report: Callable[[Report], None],
) -> None:
    """Return when every unit has been computed. Raises what a worker raises; what was finished is kept.

    workers: `num_proc` None is this process; `num_readers` None is as many as there are cores for where a GPU computes,
    and none where all cores do.
    """
    num_proc, num_readers = workers.num_proc, workers.num_readers
    count = 1 if num_proc is None else min(num_proc, len(units))
    if num_readers is None:
        num_readers = default_readers(count) if _uses_cuda(computation) else 0
    if num_proc is None:
        work(computation, units, made_with, size=size, runner=_runner(computation, num_readers), report=report)
        return
    # A process that was forked from one that has used CUDA cannot use it.
    context = multiprocess.get_context("spawn" if _uses_cuda(computation) else None)
    _say_where(computation, count, num_readers)
    stop = context.RawValue("b", 0)
    processes: list[Any] = []
    pipes: list[Any] = []
    changed = 0

    def listen(message: Report) -> None:
        nonlocal changed
        changed += message.changed
        report(message)

    try:
        for rank in range(count):
            pipe, end = context.Pipe(duplex=False)
            arguments = (
                computation,
                units,
                made_with,
                rank,
                rank * len(units) // count,
                num_readers,
                size,
                end,
                stop,
            )
            worker = context.Process(target=_worker, args=arguments, daemon=True)
            with without_main():
                worker.start()
            end.close()  # so that the pipe ends with its worker
            processes.append(worker)
            pipes.append(pipe)
        _listen(pipes, listen)
    except BaseException:
        stop.value = 1  # they publish what they have finished
        for worker in processes:
            worker.join(GOODBYE_SECONDS)
        raise
    finally:
        for worker in processes:
            if worker.is_alive():
                worker.kill()
            worker.join()
        for pipe in pipes:
            pipe.close()
    computation.store.refresh()
    lost = sum(len(computation.missing(unit)) for unit in units) - changed
    if lost > 0:
        codes = ", ".join(str(worker.exitcode) for worker in processes if worker.exitcode)
        raise StoreError(
            f"worker processes died (exit codes {codes}; -9 is often a lack of memory) before {lost} clips were "
            "computed. Everything else is kept: run the same again, perhaps with a smaller num_proc."
        )


def _listen(pipes: list[Any], report: Callable[[Report], None]) -> None:
    """Pass reports on until all workers have ended. Raises the first error that one of them sends."""
    open_pipes = list(pipes)
    while open_pipes:
        for pipe in multiprocess.connection.wait(open_pipes):
            try:
                message = pipe.recv()
            except (EOFError, OSError):  # its worker has ended, or was killed within a message
                open_pipes.remove(pipe)
                continue
            if isinstance(message, Report):
                report(message)
            else:
                raise message


def _runner(computation: Computation, num_readers: int) -> Runner:
    pipeline = computation.pipeline
    device = next((stage.device() for stage in pipeline.stages if stage.uses_device), "cpu")
    nothing_to_read = not pipeline.decodes_media
    if nothing_to_read and device.startswith("cuda"):
        num_readers = 0
    elif nothing_to_read or not num_readers:
        return InPlace(pipeline.stages)
    return ReadAhead(pipeline.stages, readers=num_readers, together=pipeline.micro_batch, device=device)


def _worker(
    computation: Computation, units: list[Unit], made_with: dict[str, Any], rank: int, start: int, num_readers: int,
    size: ShardSize, parent: Any, stop: Any,
) -> None:  # fmt: skip
    process_facts.take_gpu(rank)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which asks to stop
    process = multiprocess.parent_process()

    def stopped() -> bool:
        return bool(stop.value) or not process.is_alive()  # a parent that was killed cannot ask

    def send(message: Report | BaseException) -> None:
        with suppress(BrokenPipeError):  # nobody listens any more
            parent.send(message)

    try:
        runner = _runner(computation, num_readers)
        work(
            computation, units, made_with, start=start, size=size, runner=runner, report=send, stopped=stopped
        )  # fmt: skip
    except Stopped:
        pass
    except BaseException as error:
        send(sendable(error))


def _uses_cuda(computation: Computation) -> bool:
    return any(stage.device().startswith("cuda") for stage in computation.pipeline.stages)


def _say_where(computation: Computation, workers: int, num_readers: int) -> None:
    if _uses_cuda(computation):
        asked = next(stage for stage in computation.pipeline.stages if stage.uses_device).device()
        places = ", ".join(
            f"worker {rank}: {process_facts.gpu_of(rank) if asked == 'cuda' else asked}" for rank in range(workers)
        )
        logger.info("%d worker processes (spawned), each with %d that read clips; %s", workers, num_readers, places)
