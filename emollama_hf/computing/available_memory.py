"""What memory there is: of this machine within the limits that this process runs under, and of a GPU."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Memory:
    """total, available: bytes."""

    total: int
    available: int


def system_memory(root: Path = Path("/")) -> Memory | None:
    """The machine's memory, or what control groups (containers, batch systems) leave of it; None if that is unknown.

    root: of the file system that has proc and sys.
    """
    try:
        info = dict(line.split(":", 1) for line in (root / "proc/meminfo").read_text().splitlines() if ":" in line)
        total, available = (int(info[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    except (OSError, KeyError, ValueError):
        return None
    for limit, used in _limits(root):
        total, available = min(total, limit), min(available, max(0, limit - used))
    return Memory(total, available)


def own_memory(root: Path = Path("/")) -> int:
    """Bytes that this process holds and that nobody could take from it: no mapped files. 0 if that is unknown."""
    try:
        status = (root / "proc/self/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon:"))
    except (OSError, StopIteration, ValueError):
        return 0


def peak_memory() -> tuple[int, int] | None:
    """The most that this process has held until now, and the largest process that it started and that has ended.

    Returns:
        Bytes, mapped files included; None where the system does not say.
    """
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    own, started = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own * unit, started * unit


def cuda_memory(device: str) -> Memory:
    """Of a CUDA device; what this process has reserved on it is available to it."""
    import torch

    free, total = torch.cuda.mem_get_info(torch.device(device))
    return Memory(total, free + torch.cuda.memory_reserved(torch.device(device)))


def cuda_peak(device: str) -> int:
    """The most bytes of a CUDA device that this process's allocator has taken until now."""
    import torch

    return int(torch.cuda.max_memory_reserved(torch.device(device)))


def _limits(root: Path) -> Iterator[tuple[int, int]]:
    """(limit, used) bytes of the control groups that this process is in; used: without files that can be read again."""
    try:
        groups = [line.split(":", 2) for line in (root / "proc/self/cgroup").read_text().splitlines()]
    except OSError:
        return
    for _, controllers, path in (group for group in groups if len(group) == 3):
        if controllers == "":
            mount, limit, used, cache = "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            mount, limit, used = "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            cache = "total_inactive_file"
        else:
            continue
        # A limit holds for all groups below. Within a container the path may be the host's, and the mount the group.
        inner = Path(path.lstrip("/"))
        for folder in (root / mount / part for part in (inner, *inner.parents)):
            try:
                most, now = (int((folder / name).read_text()) for name in (limit, used))  # "max" is no number
                statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            except (OSError, ValueError):
                continue
            yield most, now - int(statistics.get(cache, 0))
