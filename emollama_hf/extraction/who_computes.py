"""Who takes a run's clips through which stages, and how many of them at a time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from emollama_hf.checkpoints.memory import LANES
from emollama_hf.engines.ray_pools import Node, plan_pools
from emollama_hf.engines.read_ahead import default_readers
from emollama_hf.engines.workers import Workers
from emollama_hf.stages.pipeline import Pipeline
from emollama_hf.stages.stage import Stage
from emollama_hf.text.plural import counted

#: A group without processes of its own.
ALONE = "this process"


@dataclass(frozen=True)
class Group:
    """Workers that all run the same stages.

    Attributes:
        stages: that they run.
        least, usual, most: how many of them work at full speed at a time: threads that share a GPU are as fast as one
            at least and as all of them at most, and processes that share cores as these.
        called: what they are.
    """

    stages: tuple[Stage, ...]
    least: int
    usual: int
    most: int
    called: str

    @property
    def on_device(self) -> bool:
        """Whether the networks are among its stages."""
        return any(stage.uses_device for stage in self.stages)


@dataclass(frozen=True)
class Division:
    """How a run is divided.

    Attributes:
        groups: in the order in which clips go through them.
        in_turn: each worker takes a clip through all stages before the next one; else the groups work side by side.
        writers: processes that take in and write results; with `in_turn` they are the workers themselves.
    """

    groups: tuple[Group, ...]
    in_turn: bool
    writers: int


def division_of(pipeline: Pipeline, workers: Workers, units: int, sampled: int, nodes: Sequence[Node] = ()) -> Division:
    """Who computes, as the engines choose it.

    Args:
        pipeline: the stages.
        workers: as for `extract`.
        units: batches to compute; more processes than that are not started.
        sampled: clips that were computed at a time; fewer than there are workers have not shown how these share cores.
        nodes: of the cluster, for Ray.
    """
    if workers.engine == "ray":
        pools = plan_pools(pipeline.stages, nodes, workers.num_proc, workers.num_readers)
        where = "" if len(nodes) == 1 else f" on {len(nodes)} nodes"
        groups = [
            Group(pool.stages, pool.size, pool.size, pool.size, counted(pool.size, "Ray worker") + where)
            for pool in pools
        ]
        return Division(tuple(groups), in_turn=False, writers=1)
    return _local(pipeline, workers, max(1, units), sampled)


def _local(pipeline: Pipeline, workers: Workers, units: int, sampled: int) -> Division:
    count = 1 if workers.num_proc is None else min(workers.num_proc, units)
    on_gpu = any(stage.device().startswith("cuda") for stage in pipeline.stages)
    readers = workers.num_readers
    if readers is None:
        readers = default_readers(count) if on_gpu else 0
    if not pipeline.decodes_media:
        readers = 0
    who = ALONE if workers.num_proc is None else counted(count, "worker process", "worker processes")
    if not readers and not (on_gpu and not pipeline.decodes_media):
        return Division((_processes(pipeline.stages, count, who, sampled, on_gpu),), in_turn=True, writers=count)
    first = tuple(takewhile(lambda stage: not stage.uses_device, pipeline.stages)) if readers else ()
    called = counted(count * readers, "reader process", "reader processes")
    reading = _processes(first, count * readers, called, sampled)
    lanes = LANES if on_gpu else 1
    networks = Group(pipeline.stages[len(first) :], count, count * lanes, count * lanes, who)
    return Division(tuple(group for group in (reading, networks) if group.stages), in_turn=False, writers=count)


def _processes(stages: Sequence[Stage], count: int, called: str, sampled: int, on_gpu: bool = False) -> Group:
    """Processes with a thread each: beyond the cores they share these, which a small sample has not shown."""
    least = count if on_gpu else min(count, _cores())
    return Group(tuple(stages), max(1, least), max(1, count if sampled >= count else least), max(1, count), called)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
