"""What a batch asks of the GPU: kernels, copies and waits, and which kernels its time goes to."""

from __future__ import annotations

import inspect
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.gpu.lines import Line, measured
from benchmarks.gpu.parts import prepared, stage_of
from benchmarks.gpu.settings import Settings
from benchmarks.peak import synchronise

#: Kinds of kernels by their names, in the order in which they are asked.
KINDS = {
    "copies": r"Memcpy|Memset",
    "attention": r"flash|fmha|attention|sdpa",
    "products": r"gemm|cutlass|nvjet|xmma|cudnn|conv|wgmma|splitK",
}


def launches(settings: Settings) -> Iterator[Line]:
    """A line a stage for one clip and for many."""
    for name in ("facemae_embed", "videomae_embed", "emollama_embed"):
        stage = stage_of(name, settings)
        for clips in (1, settings.together):
            items = prepared(stage, clips)
            stage.compute_together(items)
            waits, where = _waits(stage, items)
            figures, kernels = _kernels(stage, items)
            yield measured(
                f"{name}, {clips} together", waits=waits, **figures, details={"waits_by_line": where, **kernels}
            )


def _waits(stage: Any, items: list[Any]) -> tuple[int, dict[str, int]]:
    """How often the processor waits for the GPU, and where."""
    import torch

    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught, asked_for() as asked:
            warnings.simplefilter("always")
            stage.compute_together(items)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    places = Counter(_line(one.filename, one.lineno) for one in caught if "synchroniz" in str(one.message))
    places.update(asked)
    return places.total(), dict(places.most_common(8))


@contextmanager
def asked_for() -> Iterator[list[str]]:
    """The lines that wait for an event or a stream, of which torch's mode does not warn, while it lasts."""
    import torch

    found: list[str] = []
    with ExitStack() as undo:
        for kind in (torch.cuda.Event, torch.cuda.Stream):
            plain = kind.synchronize

            def noted(self: Any, plain: Any = plain) -> None:
                caller = inspect.stack()[1]
                found.append(_line(caller.filename, caller.lineno))
                plain(self)

            undo.callback(setattr, kind, "synchronize", plain)
            kind.synchronize = noted  # type: ignore[method-assign]
        yield found


def _line(path: str, number: int) -> str:
    return f"{Path(path).parent.name}/{Path(path).name}:{number}"


def _kernels(stage: Any, items: list[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Kernels and their time by kind; and, as details, the names of those of attention and of the dearest."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        stage.compute_together(items)
        synchronise(stage.device())
    kernels = [one for one in profiler.key_averages() if one.device_type == torch.autograd.DeviceType.CUDA]
    kernels.sort(key=lambda one: -one.self_device_time_total)
    spent: dict[str, float] = {}
    for one in kernels:
        spent[_kind(one.key)] = spent.get(_kind(one.key), 0.0) + one.self_device_time_total / 1e3
    total = sum(spent.values()) or 1.0
    figures = {
        "kernels": sum(one.count for one in kernels if _kind(one.key) != "copies"),
        "copies": sum(one.count for one in kernels if _kind(one.key) == "copies"),
        "ms_on_gpu": total,
        "shares": {kind: ms / total for kind, ms in spent.items()},
    }
    return figures, {
        "attention": [_short(one.key) for one in kernels if _kind(one.key) == "attention"][:3],
        "dearest": {_short(one.key): one.self_device_time_total / 1e3 / total for one in kernels[:5]},
    }


def _kind(kernel: str) -> str:
    return next((kind for kind, words in KINDS.items() if re.search(words, kernel, re.IGNORECASE)), "other")


def _short(kernel: str) -> str:
    return re.sub(r"^void |<.*", "", kernel)[:60]
