"""The device's own peaks, which every share in the other steps refers to."""

from __future__ import annotations

import json
from collections.abc import Iterator

from benchmarks.gpu.lines import Line, measured
from benchmarks.gpu.settings import Settings
from benchmarks.peak import copy_peak, product_peak

FILE = "ceilings.json"
CPU_SIZES = ((512, 1024, 1024),)
CPU_COPY = (64 << 20,)


def ceilings(settings: Settings) -> Iterator[Line]:
    """Matrix products in each type, copies within the memory, copies from and to the host."""
    peaks: dict[str, float] = {}
    types = ("float16", "bfloat16", "float32", "tf32") if settings.on_gpu else ("float32", "bfloat16")
    for dtype in types:
        peaks[dtype] = _products(dtype, settings)
        yield measured(f"products in {dtype}", tflops=peaks[dtype] / 1e12)
    (settings.folder("peaks") / FILE).write_text(json.dumps(peaks))
    copied = copy_peak(settings.device) if settings.on_gpu else copy_peak(settings.device, CPU_COPY)
    yield measured("copies in memory, read and written", gb_a_second=copied / 1e9)
    if settings.on_gpu:
        yield measured("copies to and from the host", **_host_copies(settings.device))


def peak(dtype: str, settings: Settings) -> float:
    """Operations a second in a type, as an earlier step has measured them; else measured now."""
    file = settings.folder("peaks") / FILE
    peaks = json.loads(file.read_text()) if file.exists() else {}
    if dtype not in peaks:
        peaks[dtype] = _products(dtype, settings)
        file.write_text(json.dumps(peaks))
    found: float = peaks[dtype]
    return found


def _products(dtype: str, settings: Settings) -> float:
    import torch

    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = dtype == "tf32"
    try:
        return product_peak(
            "float32" if dtype == "tf32" else dtype, settings.device, None if settings.on_gpu else CPU_SIZES
        )
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def _host_copies(device: str) -> dict[str, float]:
    import torch

    from benchmarks.peak import seconds_of

    here = torch.randint(0, 256, (256 << 20,), dtype=torch.uint8)
    there, pinned = here.to(device), here.pin_memory()
    copies = {
        "to_pinned_gb_a_second": lambda: there.copy_(pinned, non_blocking=True),
        "from_pinned_gb_a_second": lambda: pinned.copy_(there, non_blocking=True),
        "from_pageable_gb_a_second": lambda: here.copy_(there),
    }
    return {name: len(here) / min(seconds_of(copy, device, rounds=3)) / 1e9 for name, copy in copies.items()}
