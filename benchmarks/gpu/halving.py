"""A GPU that is too small for a batch, by a limit on this process: halved, right, and nothing is left behind."""

from __future__ import annotations

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
#: What may be left behind: a workspace of cuBLAS for each new stream; a batch of any stage takes more.
LEFT_BYTES = 80_000_000


def halving(settings: Settings) -> Iterator[Line]:
    """One thread, then two that share what there is."""
    for name in ("videomae_embed", "facemae_embed", "emollama_embed"):
        stage = stage_of(name, settings)
        yield from _stage(stage, settings)


def _stage(stage: Any, settings: Settings) -> Iterator[Line]:
    import torch

    from emollama_hf import fitting_batches

    items, dtype = prepared(stage, settings.together), stage.resolved_config()["dtype"]
    what = f"{stage.name} on {stage.device()}"
    free = column(stage, stage.compute(items))  # kernels and workspaces are loaded from here on
    torch.cuda.empty_cache()
    before, reserved = torch.cuda.memory_allocated(), torch.cuda.memory_reserved()
    torch.cuda.reset_peak_memory_stats()
    stage.compute(items)
    needed = torch.cuda.max_memory_reserved() - reserved
    torch.cuda.empty_cache()
    total = torch.cuda.mem_get_info()[1]
    torch.cuda.set_per_process_memory_fraction((reserved + SHARE * needed) / total)
    try:
        for lanes in (1, 2):
            fitting_batches._largest.pop(what, None)
            results = _in_lanes(stage, items, lanes)
            torch.cuda.synchronize()
            left = torch.cuda.memory_allocated() - before
            largest = fitting_batches._largest.get(what)
            for values in results:
                figures = between(free, values)
                yield checked(
                    f"{stage.name}, {len(items)} clips, memory for {SHARE:g} of them, lanes: {lanes}",
                    figures["rms"] <= ROUNDING[dtype] and largest is not None and left <= LEFT_BYTES,
                    clips_that_fitted=largest,
                    bytes_left=left,
                    **figures,
                )
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        fitting_batches._largest.pop(what, None)


def _in_lanes(stage: Any, items: list[Any], lanes: int) -> list[np.ndarray]:
    """The column from each of several threads, which compute the same clips side by side in streams of their own."""
    import torch

    def compute(_: int) -> np.ndarray:
        with torch.cuda.stream(torch.cuda.Stream()):
            return column(stage, stage.compute(items))

    with ThreadPoolExecutor(lanes) as pool:
        return list(pool.map(compute, range(lanes)))
