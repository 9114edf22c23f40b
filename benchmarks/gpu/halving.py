"""A GPU that is too small for a batch, by a limit on this process: halved, right, and nothing is left behind.

What is left is compared with what was allocated after the same threads, in the same streams, had computed every size
of batch without a limit. For torch allocates a workspace of cuBLAS for each thread and stream with its first product
and keeps it: 33 MiB on an H100, so that one lane of a new thread left 34.6 MB, two more 103.8, and none had leaked. The
workspaces exist by then, and whatever is left later is a leak.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks.gpu.deviations import ROUNDING, between
from benchmarks.gpu.lines import Line, checked
from benchmarks.gpu.parts import column, prepared, stage_of
from benchmarks.gpu.settings import Settings

#: Of what a batch takes beyond the weights, what it is given.
SHARE = 0.4
#: What may be left behind; the pixels of one clip, or its hidden states, are more.
LEFT_BYTES = 1_000_000


def halving(settings: Settings) -> Iterator[Line]:
    """One lane, then two that share what there is."""
    for name in ("videomae_embed", "facemae_embed", "emollama_embed"):
        for count in (1, 2):
            with Lanes(count) as lanes:
                yield _line(stage_of(name, settings), lanes, settings)


class Lanes:
    """Threads with a stream each, which they keep; all of them compute the same clips side by side."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(count)
        self._together = threading.Barrier(count, timeout=60)
        self._of_this_thread = threading.local()

    def __enter__(self) -> Lanes:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def compute(self, stage: Any, items: list[Any]) -> list[np.ndarray]:
        """The stage's column as each lane has computed it."""
        import torch

        def one(_: int) -> np.ndarray:
            self._together.wait()  # else one thread may be quick enough for all
            if not hasattr(self._of_this_thread, "stream"):
                self._of_this_thread.stream = torch.cuda.Stream()
            with torch.cuda.stream(self._of_this_thread.stream):
                return column(stage, stage.compute(items))

        return list(self._pool.map(one, range(self.count)))


def _line(stage: Any, lanes: Lanes, settings: Settings) -> Line:
    import torch

    from emollama_hf.computing.fitting_batches import forget_size, largest_fitting

    items, dtype = prepared(stage, settings.together), stage.resolved_config()["dtype"]
    what = f"{stage.name} on {stage.device()}"
    free = lanes.compute(stage, items)
    size = len(items) // 2
    while size:  # a smaller batch may take other kernels, which may want another workspace
        lanes.compute(stage, items[:size])
        size //= 2
    stage.compute(items)  # this thread's workspace
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    before, reserved = torch.cuda.memory_allocated(), torch.cuda.memory_reserved()
    torch.cuda.reset_peak_memory_stats()
    stage.compute(items)
    needed = torch.cuda.max_memory_reserved() - reserved
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction((reserved + SHARE * needed) / torch.cuda.mem_get_info()[1])
    forget_size(what)
    try:
        values = lanes.compute(stage, items)
        torch.cuda.synchronize()
        left, largest = torch.cuda.memory_allocated() - before, largest_fitting(what)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        forget_size(what)
    figures = between(np.concatenate(free), np.concatenate(values))
    return checked(
        f"{stage.name}, {len(items)} clips a lane, memory for {SHARE:g} of one batch, lanes: {lanes.count}",
        figures["rms"] <= ROUNDING[dtype] and largest is not None and left <= LEFT_BYTES,
        clips_that_fitted=largest,
        bytes_left=left,
        **figures,
    )
