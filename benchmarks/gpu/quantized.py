"""Decoders in 4 and 8 bits: how far from the whole one, how quick, how large."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from benchmarks.gpu.deviations import between
from benchmarks.gpu.lines import Line, checked
from benchmarks.gpu.parts import column, prepared, stage_of
from benchmarks.gpu.settings import Settings
from benchmarks.peak import median_seconds
from emollama_hf.tensors.quantized import Quantize

#: Of the standard deviation: four bits lose 9 % of a weight, and layers follow each other; no relation is 1.4 away.
LIMITS: dict[Quantize, float] = {"8bit": 0.2, "4bit": 0.9}
CLIPS = 4


def quantized(settings: Settings) -> Iterator[Line]:
    """Against the same decoder in the type that it computes in."""
    from emollama_hf.checkpoints.memory import predict, weight_bytes
    from emollama_hf.computing.model_cache import forget_models

    stage = stage_of("emollama_embed", settings, store_dtype="float32")
    items = prepared(stage, CLIPS)
    exact = column(stage, stage.compute_together(items))
    whole = _seconds(stage, items, settings)
    dtype, config = stage.resolved_config()["dtype"], stage.source.config("emotion_llama")
    for bits, limit in LIMITS.items():
        forget_models()
        small = stage_of("emollama_embed", settings, store_dtype="float32", quantize=bits)
        before = _allocated(settings)
        started = time.perf_counter()
        small.model().remember(0)
        loading = time.perf_counter() - started
        peak = _peak(settings) - before
        held = _allocated(settings) - before
        figures = between(exact, column(small, small.compute_together(items)))
        computing = _peak(settings) - before - held
        expected = predict(small.source, ["emotion_llama"], dtype=dtype, quantize=bits, clips=CLIPS, cuda=True)
        memory = {
            "weights_gb": held / 1e9,
            "peak_of_loading_gb": peak / 1e9,
            "activations_gb": computing / 1e9,
            "predicted_gb": (expected.weights + expected.activations) / 1e9,
        }
        seconds = _seconds(small, items, settings)
        yield checked(
            f"emollama in {bits}, {dtype}, {CLIPS} together",
            0 < figures["rms"] <= limit,
            **figures,
            ms_a_clip=seconds / CLIPS * 1e3,
            time_to_whole=seconds / whole,
            loading_s=loading,
            predicted_weights_gb=weight_bytes("emotion_llama", config, dtype, bits) / 1e9,
            **(memory if settings.on_gpu else {}),
        )


def _seconds(stage: Any, items: list[Any], settings: Settings) -> float:
    return median_seconds(lambda: stage.compute_together(items), settings.device, rounds=settings.rounds)


def _allocated(settings: Settings) -> int:
    """Bytes on the GPU; its peak begins anew here."""
    if not settings.on_gpu:
        return 0
    import gc

    import torch

    gc.collect()
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_allocated()


def _peak(settings: Settings) -> int:
    """The most bytes on the GPU since `_allocated`."""
    if not settings.on_gpu:
        return 0
    import torch

    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated()
