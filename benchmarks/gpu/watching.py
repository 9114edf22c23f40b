"""What goes on during a run: how long networks compute, how busy the GPU is, which threads take the processor."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from benchmarks.busy import Busy

LOOK_SECONDS = 0.25


class Watch:
    """Looks while its block lasts, from a thread of its own."""

    def __init__(self, networks: list[Any], device: str) -> None:
        self._busy = Busy(networks, device)
        self._device = device
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
        self._names: dict[int, str] = {}
        self._ticks: dict[int, int] = {}
        self._before: dict[int, int] = {}
        self._utilisation: list[int] = []

    def __enter__(self) -> Watch:
        self._busy.reset()
        self._before = _ticks_by_thread()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._count()
        self._busy.close()

    def figures(self, seconds: float, clips: int) -> dict[str, Any]:
        """Shares of the run, and processor time a clip of this process by thread."""
        networks = self._busy.seconds()
        found: dict[str, Any] = {"networks_busy_share": networks / seconds}
        if self._utilisation:
            found["gpu_busy_share"] = sum(self._utilisation) / len(self._utilisation) / 100
        tick = os.sysconf("SC_CLK_TCK")
        spent: dict[str, float] = {}
        for thread, ticks in self._ticks.items():
            name = self._names.get(thread, "threads of libraries")
            spent[name] = spent.get(name, 0.0) + (ticks - self._before.get(thread, 0)) / tick
        found["cpu_ms_a_clip"] = {name: one / clips * 1e3 for name, one in sorted(spent.items()) if one >= 0.05}
        return found

    def _look(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            self._count()
            used = _gpu_utilisation(self._device)
            if used is not None:
                self._utilisation.append(used)

    def _count(self) -> None:
        for thread in threading.enumerate():
            if thread.native_id is not None:
                self._names[thread.native_id] = thread.name.partition("_")[0]  # lane_0 and lane_1 are lanes
        for thread_id, ticks in _ticks_by_thread().items():
            self._ticks[thread_id] = max(ticks, self._ticks.get(thread_id, 0))


def _ticks_by_thread() -> dict[int, int]:
    """Processor time of each thread of this process, in ticks of the clock; nothing where there is no proc."""
    found = {}
    for folder in Path("/proc/self/task").glob("*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        found[int(folder.name)] = int(fields[11]) + int(fields[12])
    return found


def _gpu_utilisation(device: str) -> int | None:
    """Percent of the last moments in which any kernel ran; None if the driver's library does not say."""
    if not device.startswith("cuda"):
        return None
    import torch

    try:
        return torch.cuda.utilization(device)
    except Exception:  # pynvml is absent, or its library refuses: each has errors of its own
        return None
