"""Float32 at real size with products or convolutions in TF32, which torch allows for convolutions by itself.

The networks are called, and not the stages, which forbid both (exact_float32.py); a line a stage checks that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.gpu.deviations import ROUNDING, between
from benchmarks.gpu.lines import Line, checked
from benchmarks.gpu.parts import Part, column, parts_of, prepared, stage_of
from benchmarks.gpu.settings import Settings
from benchmarks.peak import median_seconds

CLIPS = 4
#: TF32 in convolutions alone moved columns by ten times as much; the same products twice, by nothing or next to it.
LEAST_RMS = 1e-5
#: What is computed in TF32: (products, convolutions). The first is what `exact` means here.
KINDS = {"nothing": (False, False), "convolutions": (False, True), "products and convolutions": (True, True)}


def tf32(settings: Settings) -> Iterator[Line]:
    """A line a network and kind: its deviation from what no TF32 gives, relative to the spread, and its time."""
    import torch

    from emollama_hf.computing.model_cache import forget_models

    for name in ("facemae_embed", "videomae_embed", "emollama_embed"):
        stage = stage_of(name, settings, dtype="float32")
        with torch.inference_mode():
            for part in parts_of(stage):
                yield from _part(part, settings)
        yield _whatever_is_allowed(stage)
        forget_models()
        del stage, part


def _whatever_is_allowed(stage: Any) -> Line:
    """The stage's values where a program allows TF32 everywhere, against those where it allows none."""
    items = prepared(stage, 1)
    with allowed(products=False, convolutions=False):
        exact = column(stage, stage.compute_together(items))
    with allowed(products=True, convolutions=True):
        figures = between(exact, column(stage, stage.compute_together(items)))
    return checked(f"{stage.makes[0]} of the stage, TF32 allowed", figures["rms"] <= LEAST_RMS, **figures)


def _part(part: Part, settings: Settings) -> Iterator[Line]:
    import torch

    torch.manual_seed(3)
    inputs = part.inputs(CLIPS)
    exact: Any = None
    for kind, (products, convolutions) in KINDS.items():
        with allowed(products, convolutions):
            values = part.forward(inputs).float().cpu().numpy()
            seconds = median_seconds(lambda: part.forward(inputs), settings.device, rounds=3)
        exact = values if exact is None else exact
        figures = between(exact, values)
        yield checked(
            f"{part.name}, float32, in TF32: {kind}",
            figures["rms"] <= ROUNDING["float16"],  # TF32 has float16's ten bits behind the point
            **figures,
            ms_a_clip=seconds / CLIPS * 1e3,
        )


@contextmanager
def allowed(products: bool, convolutions: bool) -> Iterator[None]:
    """While it lasts, float32 matrix products and convolutions may be computed in TF32, or not."""
    import torch

    backends: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [backend.allow_tf32 for backend in backends]
    for backend, value in zip(backends, (products, convolutions), strict=True):
        backend.allow_tf32 = value
    try:
        yield
    finally:
        for backend, value in zip(backends, before, strict=True):
            backend.allow_tf32 = value
