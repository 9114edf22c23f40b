"""Kinds of scaled dot product attention at the shapes of the four networks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

from benchmarks.gpu.ceilings import peak
from benchmarks.gpu.lines import Line, measured
from benchmarks.gpu.settings import Settings
from benchmarks.peak import median_seconds

#: (rows a clip, heads, tokens, width of a head, causal)
SHAPES = {
    "facemae": (16, 16, 197, 64, False),
    "videomae": (1, 16, 1568, 64, False),
    "eva": (1, 16, 1025, 88, False),
    "decoder": (1, 32, 309, 128, True),
}
KINDS = {
    "as chosen": None,
    "cudnn": "CUDNN_ATTENTION",
    "flash": "FLASH_ATTENTION",
    "efficient": "EFFICIENT_ATTENTION",
    "math": "MATH",
}


def attention(settings: Settings) -> Iterator[Line]:
    """A line a network; for each kind the share of the peak that it reaches, or that it cannot."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.nn.functional import scaled_dot_product_attention

    dtype = "float16" if settings.on_gpu else "float32"
    best = peak(dtype, settings)
    for network, (rows, heads, tokens, width, causal) in SHAPES.items():
        rows *= settings.together if settings.on_gpu else 1
        query, key, value = (
            torch.randn(rows, tokens, heads, width, device=settings.device).to(getattr(torch, dtype)).transpose(1, 2)
            for _ in range(3)
        )

        def call(q: Any = query, k: Any = key, v: Any = value, causal: bool = causal) -> Any:
            return scaled_dot_product_attention(q, k, v, is_causal=causal)

        # Of the whole square, as the networks are counted; a causal kernel leaves half of it out.
        flop = 4.0 * query.numel() * tokens
        figures: dict[str, object] = {}
        for kind, name in KINDS.items():
            try:
                with sdpa_kernel(getattr(SDPBackend, name)) if name else nullcontext():
                    seconds = median_seconds(call, settings.device, rounds=settings.rounds)
            except torch.OutOfMemoryError:
                figures[kind] = "out of memory"
            except RuntimeError:  # "No available kernel"
                figures[kind] = "not for this shape"
            else:
                figures[kind] = flop / seconds / best
        yield measured(f"{network}, heads of {width}, {dtype}, share of peak", **figures)
