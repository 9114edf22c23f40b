"""The gate's clock: it stands still while others use the core."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Of the calling thread: nanoseconds on a core, nanoseconds ready to run without one, time slices.
_SCHEDULED = Path("/proc/thread-self/schedstat")


def undisturbed() -> float:
    """Seconds since some moment, without those in which this thread could have run and other processes had the core.

    Unlike processor time it counts what the thread waits for: disks, locks, other threads, sleep. Where the system does
    not say how long a thread had no core (only Linux does), it is `time.perf_counter`.
    """
    return time.perf_counter() - _without_a_core()


def _without_a_core() -> float:
    try:
        return int(_SCHEDULED.read_bytes().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def seconds(run: Callable[[], Any], *, clock: Callable[[], float] = undisturbed) -> float:
    """Seconds of one call of `run`."""
    start = clock()
    run()
    return clock() - start


def seconds_in_turns(
    first: Callable[[], Any],
    second: Callable[[], Any],
    *,
    times: int,
    clock: Callable[[], float] = undisturbed,
    before: Callable[[], Any] = lambda: None,
) -> tuple[float, float]:
    """Seconds of `times` calls of each of two functions, that take turns. before: called, untimed, before each turn."""
    totals = [0.0, 0.0]
    for _ in range(times):
        before()
        totals[0] += seconds(first, clock=clock)
        totals[1] += seconds(second, clock=clock)
    return totals[0], totals[1]
