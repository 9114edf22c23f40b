"""How many workers of which kind a cluster gets: one pool for each run of stages without, or with, a model.

Nothing here needs Ray: a cluster is a list of its nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from emollama_hf.checkpoints.memory import LANES
from emollama_hf.stages.stage import Stage

#: The share of the CPUs that workers book. Actors that book all of them leave none for what starts them, and the run
#: would wait for itself without a word.
BOOKED = 0.8


@dataclass(frozen=True)
class Node:
    """A machine of the cluster: its logical CPUs and GPUs."""

    cpus: float
    gpus: float


@dataclass(frozen=True)
class Pool:
    """Workers that all run the same stages.

    num_cpus, num_gpus: what each books. threads: it computes with, None for those that its machine has. lanes: tasks
    that it computes at the same time.
    """

    stages: tuple[Stage, ...]
    size: int
    num_cpus: float
    num_gpus: int
    threads: int | None
    lanes: int = 1

    @property
    def has_model(self) -> bool:
        return any(stage.uses_device for stage in self.stages)


def plan_pools(
    stages: Sequence[Stage], nodes: Sequence[Node], num_proc: int | None, num_readers: int | None = None
) -> list[Pool]:
    """The pools, in the order in which data flows.

    num_proc: workers with a model, or workers at all if no stage has one. By default one a GPU, else one a node with
    all of its threads. num_readers: workers without a model, one thread each; by default they take the remaining
    cores, one at least; beside models on CPUs that have their node's threads, there is one a node.
    Raises ValueError if the cluster has not what is asked for.
    """
    groups = [(has_model, tuple(group)) for has_model, group in groupby(stages, key=lambda stage: stage.uses_device)]
    cores = int(sum(node.cpus for node in nodes))
    machines = [node for node in nodes if node.cpus >= 1]
    if not machines:
        raise ValueError("the cluster has no CPU to work on. Start its nodes with --num-cpus of at least 1.")
    any_model = any(has_model for has_model, _ in groups)
    gpus = _gpus(stages, nodes)
    available, kind = (gpus, "GPU") if gpus else (cores, "CPU")
    if num_proc is not None and num_proc > available:
        raise ValueError(
            f"num_proc={num_proc}: the cluster has {available} {kind}{'s' * (available != 1)}, one for each worker. "
            "Pass a smaller num_proc, or leave it out."
        )
    if gpus:
        models, num_gpus, threads = num_proc or gpus, 1, 1 if num_proc else None
        # They book GPUs alone, so that workers without a model, which may lie anywhere, never keep them out.
        model_cpus, others = 0.0, num_readers or max(1, cores - models)
        other_cpus = _share(cores, others)
    elif any_model and num_proc is None:
        models, num_gpus, threads = len(machines), 0, None
        smallest = min(node.cpus for node in machines)
        others = num_readers or len(machines)
        model_cpus, other_cpus = 0.6 * smallest, 0.1 * smallest * len(machines) / max(others, len(machines))
    else:
        workers = num_proc if num_proc is not None else cores
        models, num_gpus, threads = workers, 0, 1
        others = (num_readers or max(1, cores - models)) if any_model else workers
        booked = (models + others) if any_model and len(groups) > 1 else workers
        # Equal shares, so that every place on every node fits every worker.
        model_cpus = other_cpus = _share(cores, booked)
    return [
        Pool(group, models, model_cpus, num_gpus, threads, LANES if num_gpus else 1)
        if has_model
        else Pool(group, max(1, others), other_cpus, 0, 1)
        for has_model, group in groups
    ]


def _share(cores: int, workers: int) -> float:
    """CPUs that each of `workers` books; more of them than cores share one by two, by three and so on."""
    return BOOKED / -(-workers // max(1, cores))


def _gpus(stages: Iterable[Stage], nodes: Iterable[Node]) -> int:
    """GPUs of the cluster that models are to use. Raises ValueError if it has none although they were asked for."""
    models = [stage for stage in stages if stage.uses_device]
    there = int(sum(int(node.gpus) for node in nodes))
    for stage in models:
        asked = stage.resolved_placement().device
        if ":" in asked:
            raise ValueError(f"device={asked!r}: engine='ray' gives each worker a GPU of its own. Use device='cuda'.")
        if asked == "cuda" and not there:
            raise ValueError("device='cuda' was asked for, but the cluster has no GPU. Use device='auto' or 'cpu'.")
        on_gpu = there > 0 and asked != "cpu"
        if stage.dtype_follows_device and on_gpu != stage.device().startswith("cuda"):
            here, away = ("no GPU", "has some") if on_gpu else ("a GPU", "has none")
            raise ValueError(
                f"dtype='auto' would be one type here and another on the cluster: this machine has {here}, the cluster "
                f"{away}. Pass dtype='float16-mixed' (what \"auto\" is on a GPU) or dtype='float32'"
                + (", and batch_size=8 to fill the GPUs." if on_gpu else ".")
            )
    return there if any(stage.resolved_placement().device != "cpu" for stage in models) else 0
