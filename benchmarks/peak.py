"""The fastest that this machine multiplies and copies, measured, and time on either kind of device."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

#: (rows, inner, columns) of products that are large for the device, some of them as the networks have them.
CPU_SIZES = ((2048, 4096, 4096), (1024, 1408, 6144), (3152, 1024, 4096))
GPU_SIZES = ((8192, 8192, 8192), (16384, 8192, 8192), (4944, 4096, 11008), (16400, 1408, 6144))
#: Launches between two events: a single product of a GPU is over before the next one is on its way.
LAUNCHES = 10
COPY_BYTES = (1 << 29, 1 << 31)


def synchronise(device: str) -> None:
    if device.startswith("cuda"):
        import torch

        torch.cuda.synchronize()


def device_name(device: str) -> str:
    import torch

    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} CPU threads"


def seconds_of(
    function: Callable[[], Any], device: str, *, launches: int = 1, rounds: int = 5, warm_up: int = 1
) -> list[float]:
    """Seconds of one call in each round: by a GPU's own clock over `launches` of them, which follow without a wait.

    The first calls, which load kernels and choose among them, are not counted: `warm_up` of them.
    """
    for _ in range(warm_up):
        function()
    synchronise(device)
    times = []
    for _ in range(rounds):
        if device.startswith("cuda"):
            import torch

            began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            began.record()
            for _ in range(launches):
                function()
            ended.record()
            ended.synchronize()
            times.append(began.elapsed_time(ended) / 1e3 / launches)
        else:
            started = time.perf_counter()
            for _ in range(launches):
                function()
            times.append((time.perf_counter() - started) / launches)
    return times


def median_seconds(function: Callable[[], Any], device: str, *, launches: int = 1, rounds: int = 5) -> float:
    return statistics.median(seconds_of(function, device, launches=launches, rounds=rounds))


def product_peak(dtype: str, device: str, sizes: tuple[tuple[int, int, int], ...] | None = None) -> float:
    """Operations a second of the best matrix product among some large ones, of random numbers (zeros are quicker)."""
    import torch

    on_gpu = device.startswith("cuda")
    best = 0.0
    for rows, inner, columns in sizes or (GPU_SIZES if on_gpu else CPU_SIZES):
        a = torch.randn(rows, inner, device=device).to(getattr(torch, dtype))
        b = torch.randn(columns, inner, device=device).to(getattr(torch, dtype))
        times = seconds_of(
            lambda a=a, b=b: torch.nn.functional.linear(a, b), device, launches=LAUNCHES if on_gpu else 1
        )  # fmt: skip
        best = max(best, 2.0 * rows * inner * columns / min(times))
    return best


def copy_peak(device: str, sizes: tuple[int, ...] = COPY_BYTES) -> float:
    """Bytes a second, read and written, of the best copy within the device's memory."""
    import torch

    best = 0.0
    for size in sizes:
        source = torch.randint(0, 256, (size,), dtype=torch.uint8, device=device)
        target = torch.empty_like(source)
        best = max(best, 2.0 * size / min(seconds_of(lambda s=source, t=target: t.copy_(s), device, launches=4)))
        del source, target
    return best
