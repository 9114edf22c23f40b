"""What a process must know before it computes: whether it is a worker, which device, which numbers.

A process that was forked after its parent used torch hangs for ever in the first parallel operation, because the
threads of the parent's OpenMP pool do not exist in the child. One thread needs no pool. A pool worker gets one
thread as well: several workers that each take all cores only hinder each other.
"""

from __future__ import annotations

import os
import sys

from emollama_hf.computing.number_types import DTYPES, MIXED, DtypeName

_forked_with_torch = False
_rank: int | None = None
_prepared_pid: int | None = None
#: Of a worker of a cluster: how many threads it was told to compute with; None for as many as its machine has.
_is_cluster_worker = False
_worker_threads: int | None = 1


def _after_fork() -> None:
    global _forked_with_torch
    _forked_with_torch = "torch" in sys.modules


os.register_at_fork(after_in_child=_after_fork)


def is_worker() -> bool:
    """Whether a process pool (of `datasets`, torch or the standard library) or a cluster has started this process."""
    if _is_cluster_worker:
        return True
    pools = (sys.modules.get(name) for name in ("multiprocess.process", "multiprocessing.process"))
    return any(pool is not None and pool.parent_process() is not None for pool in pools)


def become_worker(threads: int | None) -> None:
    """Call first in a process that a cluster has started to compute here.

    threads: of each operation of a model; None for those that this machine has for a process of its own.
    """
    global _is_cluster_worker, _worker_threads
    _is_cluster_worker, _worker_threads = True, threads
    if threads is None and "torch" not in sys.modules:
        os.environ.pop("OMP_NUM_THREADS", None)  # Ray sets it to the share of CPUs that an actor has booked


def prepare_to_compute() -> None:
    """Call before the first operation of a model in this process. Changes nothing outside workers."""
    global _prepared_pid
    if _prepared_pid == os.getpid():
        return
    import torch

    if _forked_with_torch or is_worker():
        threads = _worker_threads
        if threads is not None:
            torch.set_num_threads(threads)
    _prepared_pid = os.getpid()


def take_gpu(rank: int | None) -> None:
    """Let this worker be number `rank`: "auto" and "cuda" are its own GPU from now on, the next one in turn."""
    global _rank
    _rank = rank


def gpu_of(rank: int) -> str:
    """The GPU of worker number `rank`."""
    import torch

    return f"cuda:{rank % torch.cuda.device_count()}"


def check_gpu(device: str, count: int) -> None:
    """Raise ValueError if a device, "cuda" or "cuda:NUMBER", is none of the `count` GPUs that torch sees."""
    number = device.partition(":")[2]
    if number and int(number) >= count:
        seen = "1 GPU" if count == 1 else f"{count} GPUs"
        valid = "'cuda:0'" if count == 1 else f"'cuda:0' to 'cuda:{count - 1}'"
        raise ValueError(
            f"device={device!r} was asked for, but torch sees {seen} here: expected {valid}, or 'cuda' for the current "
            "one. `emollama-hf doctor` lists them; CUDA_VISIBLE_DEVICES hides the others."
        )


def resolve_device(device: str) -> str:
    """A torch device; "auto" takes CUDA where there is one, a worker with a number its own GPU of several.

    Raises ValueError for a name that torch does not know and for a device that is not there.
    """
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise ValueError(f"device={device!r} is no device. Valid: 'auto', 'cpu', 'cuda', 'cuda:0', ...") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device={device!r} was asked for, but torch {torch.__version__} sees no CUDA device here. "
            "Use device='auto' or 'cpu', or see what is missing with `emollama-hf doctor`."
        )
    if kind == "cuda" and _forked_with_torch and torch.cuda._is_in_bad_fork():
        raise ValueError(
            "CUDA cannot be used in a forked worker of a process that has used it already. Put "
            "`import multiprocess; multiprocess.set_start_method('spawn')` before map, or leave num_proc out."
        )
    if kind == "cuda":
        check_gpu(device, torch.cuda.device_count())
    return gpu_of(_rank) if device == "cuda" and _rank is not None else device


def resolve_dtype(dtype: str, device: str) -> DtypeName:
    """The type that is computed in; "auto": on CUDA what the original mixes there, float32 on a CPU."""
    if dtype not in DTYPES:
        raise ValueError(f"dtype={dtype!r} is unknown. Valid: {', '.join(map(repr, DTYPES))}")
    if dtype != "auto":
        return dtype  # type: ignore[return-value]
    return MIXED if resolve_device(device).startswith("cuda") else "float32"
