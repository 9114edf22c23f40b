"""When networks compute, from their own calls: by the clock of a GPU, or of the processor that computes itself."""

from __future__ import annotations

import threading
import time
from typing import Any


class Busy:
    """When networks compute, each call from its beginning to its end; on a GPU by events of its own clock."""

    def __init__(self, networks: list[Any], device: str) -> None:
        self._cuda = device.startswith("cuda")
        self._intervals: list[tuple[Any, Any]] = []
        self._first = self._now()
        self._hooks: list[Any] = []
        for network in networks:
            began: dict[int, Any] = {}
            self._hooks += [
                network.register_forward_pre_hook(lambda *_, began=began: began.update({_thread(): self._now()})),
                network.register_forward_hook(
                    lambda *_, began=began: self._intervals.append((began.pop(_thread()), self._now()))
                ),
            ]

    def _now(self) -> Any:
        if not self._cuda:
            return time.perf_counter()
        import torch

        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def close(self) -> None:
        """Look at no further calls."""
        for hook in self._hooks:
            hook.remove()

    def reset(self) -> None:
        """Forget what was computed; the clock begins now."""
        self._intervals.clear()
        self._first = self._now()

    def seconds(self) -> float:
        """Time in which at least one network was computing."""
        total, end = 0.0, -1e30
        for start, stop in self._spans():
            total += max(0.0, stop - max(start, end))
            end = max(end, stop)
        return total

    def first_and_last(self) -> tuple[float, float] | None:
        """Seconds since `reset` at which the first call began and the last one ended; None without any call."""
        spans = self._spans()
        return (spans[0][0], max(stop for _, stop in spans)) if spans else None

    def _spans(self) -> list[tuple[float, float]]:
        """Begin and end of each call in seconds since `reset`, by begin."""
        intervals = list(self._intervals)
        if not self._cuda:
            return sorted((begin - self._first, end - self._first) for begin, end in intervals)
        import torch

        torch.cuda.synchronize()
        return sorted((self._first.elapsed_time(a) / 1e3, self._first.elapsed_time(b) / 1e3) for a, b in intervals)


def _thread() -> int:
    return threading.get_ident()
