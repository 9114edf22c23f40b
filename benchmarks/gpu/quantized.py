"""Decoders in 4 and 8 bits: how far from the whole one, how quick, how large."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.gpu.deviations import between
from benchmarks.gpu.lines import Line, checked
from benchmarks.gpu.parts import column, prepared, stage_of
from benchmarks.gpu.settings import Settings
from benchmarks.peak import median_seconds

#: Of the standard deviation: four bits lose 9 % of a weight, and layers follow each other; no relation is 1.4 away.
LIMITS = {"8bit": 0.2, "4bit": 0.9}
CLIPS = 4


def quantized(settings: Settings) -> Iterator[Line]:
    """Against the same decoder in the type that it computes in."""
    from emollama_hf.memory import weight_bytes
    from emollama_hf.model_cache import forget_models

    stage = stage_of("emollama_embed", settings, store_dtype="float32")
    items = prepared(stage, CLIPS)
    exact = column(stage, stage.compute_together(items))
    whole = median_seconds(lambda: stage.compute_together(items), settings.device, rounds=2)
    for bits, limit in LIMITS.items():
        forget_models()
        small = stage_of("emollama_embed", settings, store_dtype="float32", quantize=bits)
        before = _allocated(settings)
        small.model()
        held = _allocated(settings) - before
        figures = between(exact, column(small, small.compute_together(items)))
        seconds = median_seconds(lambda small=small: small.compute_together(items), settings.device, rounds=2)
        dtype = small.resolved_config()["dtype"]
        config = small.source.config("emotion_llama")
        memory = {"weights_gb": held / 1e9} if settings.on_gpu else {}
        yield checked(
            f"emollama in {bits}, {dtype}, {CLIPS} together",
            0 < figures["rms"] <= limit,
            **figures,
            ms_a_clip=seconds / CLIPS * 1e3,
            time_to_whole=seconds / whole,
            **memory,
            predicted_weights_gb=weight_bytes("emotion_llama", config, dtype, bits) / 1e9,  # type: ignore[arg-type]
        )


def _allocated(settings: Settings) -> int:
    if not settings.on_gpu:
        return 0
    import gc

    import torch

    gc.collect()
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    return torch.cuda.memory_allocated()
