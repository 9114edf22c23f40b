"""Workers on this machine: this process, or `num_proc` processes with a model and one thread each."""

from __future__ import annotations

import pickle
import queue
import signal
import traceback
from collections.abc import Callable
from typing import Any

import multiprocess

from emollama_hf.engines.worker import ShardSize, Stopped, work
from emollama_hf.errors import StoreError
from emollama_hf.stages.model_stage import ModelStage
from emollama_hf.store.computation import Computation, Report, Unit

POLL_SECONDS = 0.2
GOODBYE_SECONDS = 60.0


def run_local(
    computation: Computation,
    units: list[Unit],
    made_with: dict[str, Any],
    *,
    num_proc: int | None,
    size: ShardSize,
    report: Callable[[Report], None],
) -> None:
    """Return when every unit has been computed. Raises what a worker raises; what was finished is kept."""
    if num_proc is None:
        work(computation, units, made_with, size=size, report=report)
        return
    context = multiprocess.get_context("spawn" if _uses_cuda(computation) else None)
    reports = context.Queue()
    changed = 0

    def listen(message: Report) -> None:
        nonlocal changed
        changed += message.changed
        report(message)

    stop = context.Event()
    workers = []
    for rank in range(min(num_proc, len(units))):
        start = rank * len(units) // num_proc
        worker = context.Process(
            target=_worker, args=(computation, units, made_with, start, size, reports, stop), daemon=True
        )
        worker.start()
        workers.append(worker)
    try:
        _listen(workers, reports, listen)
    except BaseException:
        stop.set()  # they publish what they have finished
        for worker in workers:
            worker.join(GOODBYE_SECONDS)
        raise
    finally:
        for worker in workers:
            if worker.is_alive():
                worker.kill()
            worker.join()
    computation.store.refresh()
    lost = sum(len(computation.missing(unit)) for unit in units) - changed
    if lost > 0:
        codes = ", ".join(str(worker.exitcode) for worker in workers if worker.exitcode)
        raise StoreError(
            f"worker processes died (exit codes {codes}; -9 is often a lack of memory) before {lost} clips were "
            "computed. Everything else is kept: run the same again, perhaps with a smaller num_proc."
        )


def _listen(workers: list[Any], reports: Any, report: Callable[[Report], None]) -> None:
    """Pass reports on until all workers have ended. Raises the first error that one of them sends."""
    while True:
        alive = any(worker.is_alive() for worker in workers)
        try:
            message = reports.get(timeout=POLL_SECONDS)
        except queue.Empty:
            if not alive:
                return
            continue
        if isinstance(message, Report):
            report(message)
        else:
            raise message


def _worker(
    computation: Computation, units: list[Unit], made_with: dict[str, Any], start: int, size: ShardSize, reports: Any,
    stop: Any,
) -> None:  # fmt: skip
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which asks to stop
    parent = multiprocess.parent_process()

    def orphaned() -> bool:
        return parent is not None and not parent.is_alive()

    def stopped() -> bool:
        return bool(stop.is_set()) or orphaned()  # a parent that was killed cannot ask

    try:
        work(computation, units, made_with, start=start, size=size, report=reports.put, stopped=stopped)
    except Stopped:
        if orphaned():
            reports.cancel_join_thread()  # nobody reads them any more
    except BaseException as error:
        reports.put(_sendable(error))


def _sendable(error: BaseException) -> BaseException:
    """The error if it survives the way to the parent, else its text."""
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:
        return RuntimeError("".join(traceback.format_exception_only(error)).strip())


def _uses_cuda(computation: Computation) -> bool:
    # A process that was forked from one that has used CUDA cannot use it.
    models = [stage for stage in computation.pipeline.stages if isinstance(stage, ModelStage)]
    return any(stage.device().startswith("cuda") for stage in models)
