"""Workers on a cluster, as actor pools of Ray Data; what they compute is stored here, as by every engine.

    units ─► planner ─► pool without a model (decode) ─► pool with the models ─► here: shards

Tasks come back as they are finished, and a bounded number is on its way. An actor that dies is started again, and
its tasks with it. The driver makes no claims on rows: a run beside this one may compute rows twice, which costs time
and does no harm, since the store takes either.
"""

from __future__ import annotations

import gc
import logging
import os
import pickle
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from emollama_hf.console.logs import package_logger
from emollama_hf.engines.background import Background
from emollama_hf.engines.last_words import last_words
from emollama_hf.engines.open_shard import OpenShard, ShardSize
from emollama_hf.engines.ray_cluster import joined, wait_until_free
from emollama_hf.engines.ray_pools import Node, Pool, plan_pools
from emollama_hf.engines.workers import Workers
from emollama_hf.errors import SafeMessage, StoreError
from emollama_hf.planning.computation import Computation, Report, Unit
from emollama_hf.planning.memory_check import check_memory
from emollama_hf.planning.task import Task
from emollama_hf.stages.reduction import reading_of
from emollama_hf.work_store.writing_thread import WritingThread

logger = package_logger(__name__)

#: Tasks that a worker has or that wait in front of it, so that it never waits for the driver.
IN_FLIGHT = 2
#: How many workers may die over one task before the run ends: a clip that kills each of them would do so for ever.
MOST_DEATHS = 5

SETTINGS = {
    "enable_progress_bars": False,
    "print_on_execution_start": False,
    "target_max_block_size": 1,  # else small tasks would gather in blocks of 128 MB
    "execution_no_progress_timeout_s": -1,  # a model may take its time
}

KEPT = "What was finished before is kept: run the same again."


class _RayFailed(SafeMessage):
    """Ray ended the run."""


def run_ray(
    computation: Computation,
    units: list[Unit],
    made_with: dict[str, Any],
    *,
    workers: Workers,
    size: ShardSize,
    report: Callable[[Report], None],
) -> None:
    """Return when every unit has been computed. Raises what a worker raises; what was finished is kept.

    workers: as for `joined` and `plan_pools`, which say what else is raised. StoreError if Ray fails.
    """
    changed = 0

    def listen(message: Report) -> None:
        nonlocal changed
        changed += message.changed
        report(message)

    with (
        last_words(f"emollama-hf: this process was killed, or Ray ended it because its cluster died. {KEPT}"),
        _settings(),
        ExitStack() as afterwards,  # whoever still waits for results hears that Ray has ended, and is to end first
        joined(workers.address) as nodes,
    ):
        planned = plan_pools(computation.pipeline.stages, nodes, workers.num_proc, workers.num_readers)
        _say_who(planned, nodes)
        if len(nodes) == 1:  # this one, then; on several each worker looks at its own node's memory
            check_memory(computation.pipeline, max((pool.size for pool in planned if pool.has_model), default=1))
        # Keys in the store name this number type; "auto" may be another one on another machine.
        pools = [replace(pool, stages=tuple(stage.with_fixed_dtype() for stage in pool.stages)) for pool in planned]
        wait_until_free(sum(p.size * p.num_cpus for p in pools), sum(p.size * p.num_gpus for p in pools))
        try:
            with (
                computation.store.writing(made_with) as publisher,
                WritingThread(publisher) as writer,
                OpenShard(computation, writer, size, listen) as shard,
            ):
                _compute(computation, units, pools, shard, afterwards)
        except _RayFailed as failure:
            raise StoreError(str(failure)) from failure.__cause__
    computation.store.refresh()
    lost = sum(len(computation.missing(unit)) for unit in units) - changed
    if lost > 0:
        raise StoreError(f"Ray ended the run before {lost} clips were computed. {KEPT}")


def _compute(
    computation: Computation, units: list[Unit], pools: Sequence[Pool], shard: OpenShard, afterwards: ExitStack
) -> None:
    from emollama_hf.engines.ray_source import Planner, SilentRay

    lock = threading.Lock()
    ahead = sum(pool.size * _in_flight(pool) for pool in pools) + 4
    done: set[int] = set()
    try:
        with (
            Planner(computation, units, lock, ahead) as planner,
            Background(partial(_results, planner.exchange, pools), planner.end) as results,
        ):
            afterwards.callback(results.join)
            try:
                for index, task, error in results:
                    if error is not None:
                        raise error
                    if index not in done and task is not None:
                        with lock:
                            shard.add(task)
                    done.add(index)
                    planner.finished()
            except _RayFailed:
                if isinstance(planner.failure, SilentRay):
                    raise _RayFailed(f"{planner.failure} {KEPT}") from planner.failure
                raise
    finally:
        gc.collect()  # actors end when nobody has them, and what has them, in Ray Data, has itself


def _results(exchange: Any, pools: Sequence[Pool]) -> Iterator[tuple[int, Task | None, BaseException | None]]:
    """(number of the unit, its finished task, what went wrong) in the order in which they are finished."""
    import ray.data

    from emollama_hf.engines.ray_source import TaskSource

    columns = [column for pool in pools for stage in pool.stages for column in stage.makes]
    try:
        with warnings.catch_warnings(action="ignore"):
            flow = ray.data.read_datasource(TaskSource(exchange), num_cpus=0, concurrency=1, override_num_blocks=1)
            for number, pool in enumerate(pools):
                later = [stage for one in pools[number + 1 :] for stage in one.stages]
                flow = flow.map_batches(
                    **_runner(pool, ray.cloudpickle.dumps((pool.stages, reading_of(later, columns)))),
                    batch_size=1,
                    batch_format="pyarrow",
                    compute=ray.data.ActorPoolStrategy(size=pool.size, max_tasks_in_flight_per_actor=_in_flight(pool)),
                    num_cpus=pool.num_cpus,
                    num_gpus=pool.num_gpus,
                    max_restarts=-1,
                    max_task_retries=MOST_DEATHS,
                )
            batches = iter(flow.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0))
            for batch in batches:
                for index, task, error in zip(batch["index"], batch["task"], batch["error"], strict=True):
                    yield (
                        index.as_py(),
                        pickle.loads(task.as_buffer()) if task.as_buffer().size else None,
                        pickle.loads(error.as_buffer()) if error.is_valid else None,
                    )
    except Exception as error:
        line = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise _RayFailed(f"Ray ended the run ({type(error).__name__}: {line.strip()}). {KEPT}") from error


def _in_flight(pool: Pool) -> int:
    return IN_FLIGHT + pool.lanes - 1


def _runner(pool: Pool, stages: bytes) -> dict[str, Any]:
    """What a pool's actors run, as `map_batches` takes it."""
    from emollama_hf.engines.ray_worker import LanedTaskRunner, TaskRunner

    arguments = (stages, pool.threads, os.getcwd())
    if pool.lanes == 1:
        return {"fn": TaskRunner, "fn_constructor_args": arguments}
    return {
        "fn": LanedTaskRunner,
        "fn_constructor_args": (*arguments, pool.lanes),
        "max_concurrency": pool.lanes,
    }


def _say_who(pools: Sequence[Pool], nodes: Sequence[Node]) -> None:
    """Log how many workers of which kind there will be, on how many nodes."""
    kinds = ", ".join(f"{pool.size} for {' and '.join(stage.name for stage in pool.stages)}" for pool in pools)
    logger.info("workers on %d node%s: %s", len(nodes), "s" * (len(nodes) != 1), kinds)


@contextmanager
def _settings() -> Iterator[None]:
    """Ray Data's settings for one data set: one task a block, no remarks, no other Ray after the end of this one."""
    from ray._private import auto_init_hook
    from ray.data import DataContext

    context = DataContext.get_current()
    before = {name: getattr(context, name) for name in SETTINGS if hasattr(context, name)}  # older ones lack some
    loggers = {name: logging.getLogger(name) for name in ("ray", "ray.data")}
    levels = {name: logger.level for name, logger in loggers.items()}
    # Whatever of Ray Data still runs after the end would start a new Ray by merely asking for its statistics.
    automatic = getattr(auto_init_hook, "enable_auto_connect", False)
    try:
        auto_init_hook.enable_auto_connect = False
        for name in before:
            setattr(context, name, SETTINGS[name])
        for logger in loggers.values():
            logger.setLevel(logging.CRITICAL)
        yield
    finally:
        auto_init_hook.enable_auto_connect = automatic
        for name, value in before.items():
            setattr(context, name, value)
        for name, level in levels.items():
            loggers[name].setLevel(level)
