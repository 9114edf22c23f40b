"""Each stage at real size, by the number of clips together: time of its networks and of the whole, memory, shares."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from benchmarks.gpu.ceilings import peak
from benchmarks.gpu.lines import Line, measured
from benchmarks.gpu.parts import Part, parts_of, prepared, stage_of
from benchmarks.gpu.settings import Settings
from benchmarks.peak import seconds_of, synchronise
from benchmarks.products import Recording, recorder


def facemae(settings: Settings) -> Iterator[Line]:
    return _stage("facemae_embed", settings)


def videomae(settings: Settings) -> Iterator[Line]:
    return _stage("videomae_embed", settings)


def emollama(settings: Settings) -> Iterator[Line]:
    return _stage("emollama_embed", settings)


def flop_a_clip(part: Part) -> float:
    """Operations of a part's matrix products, convolutions and attention calls, from their shapes."""
    import torch

    recording = Recording()
    with torch.inference_mode(), recorder(recording):
        part.forward(part.inputs(1))
    return recording.flop()


def _stage(name: str, settings: Settings) -> Iterator[Line]:
    from emollama_hf.computing.model_cache import forget_models

    for dtype in settings.dtypes:
        forget_models()
        yield from _in_one_type(stage_of(name, settings, dtype=dtype), settings)


def _in_one_type(stage: Any, settings: Settings) -> Iterator[Line]:
    import torch

    from emollama_hf.computing.number_types import product_type

    started = time.perf_counter()
    parts = parts_of(stage)
    synchronise(settings.device)
    weights = sum(parameter.nbytes for parameter in stage.model().parameters())
    yield measured(f"{stage.part} loaded", seconds=time.perf_counter() - started, weights_gb=weights / 1e9)
    dtype = stage.resolved_config()["dtype"]
    best, flop = peak(product_type(dtype), settings), {part.name: flop_a_clip(part) for part in parts}
    for clips in settings.batches:
        try:
            with torch.inference_mode():
                for part in parts:
                    inputs = part.inputs(clips)
                    times = seconds_of(
                        lambda part=part, inputs=inputs: part.forward(inputs),
                        settings.device,
                        rounds=settings.rounds,
                        warm_up=settings.warm_up,
                    )
                    yield _network_line(part.name, clips, dtype, times, flop[part.name], best)
            yield _transform_line(stage, clips, dtype, settings)
        except torch.OutOfMemoryError as error:
            yield measured(f"{stage.part}, {clips} clips: out of memory", said=str(error).partition(". ")[0])
            return


def _network_line(part: str, clips: int, dtype: str, times: list[float], flop: float, best: float) -> Line:
    seconds = sorted(times)[len(times) // 2]
    return measured(
        f"{part}, {clips} together, {dtype}",
        ms_a_clip=seconds / clips * 1e3,
        clips_a_second=clips / seconds,
        tflop_a_clip=flop / 1e12,
        share_of_peak=flop * clips / seconds / best,
        slowest_to_fastest=max(times) / min(times),
    )


def _transform_line(stage: Any, clips: int, dtype: str, settings: Settings) -> Line:
    """The stage's `compute` as a whole: from pictures of the host to values of the host."""
    import torch

    from emollama_hf.checkpoints.memory import predict

    items = prepared(stage, clips)
    compute = stage.compute_together  # not `compute`, which would halve what does not fit
    compute(items)
    figures: dict[str, Any] = {}
    if settings.on_gpu:
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        before = torch.cuda.memory_allocated(), torch.cuda.memory_reserved()
        torch.cuda.reset_peak_memory_stats()
        compute(items)
        expected = predict(stage.source, [stage.part], dtype=stage.resolved_config()["dtype"], clips=clips, cuda=True)
        free, total = torch.cuda.mem_get_info()
        figures = {
            "activations_gb": (torch.cuda.max_memory_allocated() - before[0]) / 1e9,
            "reserved_for_them_gb": (torch.cuda.max_memory_reserved() - before[1]) / 1e9,
            "predicted_gb": expected.activations / 1e9,
            "context_gb": (total - free - torch.cuda.memory_reserved()) / 1e9,
        }
    times = []
    for _ in range(settings.rounds):
        started = time.perf_counter()
        compute(items)
        times.append(time.perf_counter() - started)
    seconds = sorted(times)[len(times) // 2]
    return measured(
        f"{stage.name}.compute, {clips} together, {dtype}",
        ms_a_clip=seconds / clips * 1e3,
        clips_a_second=clips / seconds,
        **figures,
    )
