"""What goes on during a run: when networks compute, how busy the GPU is, which threads take the processor, where."""

from __future__ import annotations

import os
import resource
import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.busy import Busy

SAMPLE_SECONDS = 0.02
#: Samples of the stacks between two of what takes longer to ask for.
STACKS_A_LOOK = 12
#: Lines of code that are named for each thread.
LINES = 8


class Watch:
    """Samples while its block lasts, from a thread of its own."""

    def __init__(self, networks: list[Any], device: str) -> None:
        self._busy = Busy(networks, device)
        self._device = device
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="watch", daemon=True)
        self._names: dict[int, str] = {}
        self._ticks: dict[int, int] = {}
        self._before: dict[int, int] = {}
        self._utilisation: list[int] = []
        self._lines: dict[str, Counter[str]] = {}
        self._children = 0.0

    def __enter__(self) -> Watch:
        self._before = _ticks_by_thread()
        self._children = _seconds_of_children()
        self._busy.reset()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._count()
        self._busy.close()

    def figures(self, seconds: float, clips: int) -> dict[str, Any]:
        """Shares of the run, the time before and after the networks, and processor time a clip by thread."""
        found: dict[str, Any] = {}
        computing = self._busy.first_and_last()
        if computing is not None:
            first, last = computing
            found |= {
                "before_networks_s": first,
                "after_networks_s": max(0.0, seconds - last),
                "clips_a_second_between": clips / (last - first),
                "networks_busy_between": self._busy.seconds() / (last - first),
            }
        if self._utilisation:
            found["gpu_busy_share"] = sum(self._utilisation) / len(self._utilisation) / 100
        tick = os.sysconf("SC_CLK_TCK")
        spent: dict[str, float] = {}
        for thread, ticks in self._ticks.items():
            name = self._names.get(thread, "libraries")
            spent[name] = spent.get(name, 0.0) + (ticks - self._before.get(thread, 0)) / tick
        spent["processes"] = _seconds_of_children() - self._children  # readers, once they have ended
        found["cpu_ms_a_clip"] = {name: one / clips * 1e3 for name, one in sorted(spent.items()) if one >= 0.05}
        return found

    def lines(self) -> dict[str, dict[str, float]]:
        """For each kind of thread, where in this package samples found it most often, as shares of its samples."""
        return {
            name: {line: count / found.total() for line, count in found.most_common(LINES)}
            for name, found in self._lines.items()
        }

    def _sample(self) -> None:
        number = 0
        while not self._stop.wait(SAMPLE_SECONDS):
            self._note_lines()
            number += 1
            if number % STACKS_A_LOOK == 0:
                self._count()
                used = _gpu_utilisation(self._device)
                if used is not None:
                    self._utilisation.append(used)

    def _note_lines(self) -> None:
        frames = sys._current_frames()
        for thread in threading.enumerate():
            frame = frames.get(thread.ident or 0)
            if frame is not None and thread is not self._thread:
                self._lines.setdefault(_kind(thread), Counter())[_own_line(frame)] += 1

    def _count(self) -> None:
        for thread in threading.enumerate():
            if thread.native_id is not None:
                self._names[thread.native_id] = _kind(thread)
        for thread_id, ticks in _ticks_by_thread().items():
            self._ticks[thread_id] = max(ticks, self._ticks.get(thread_id, 0))


def _kind(thread: threading.Thread) -> str:
    """lane_0 and lane_1 are lanes, and pools of the standard library count themselves."""
    return thread.name.partition("_")[0].rstrip("-0123456789").removesuffix("Executor")


def _own_line(frame: FrameType | None) -> str:
    """The innermost line of this package that a thread is in; of any code, if it is in none."""
    innermost = frame
    while frame is not None and "emollama_hf" not in Path(frame.f_code.co_filename).parts:
        frame = frame.f_back
    found = frame or innermost
    assert found is not None
    file = Path(found.f_code.co_filename)
    return f"{file.parent.name}/{file.name}:{found.f_lineno} {found.f_code.co_name}"


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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
