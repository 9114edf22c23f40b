"""Encoders that are named for a column: the CPU's values on the device, and clips a second of `compute`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.gpu.lines import Line, checked, measured
from benchmarks.gpu.settings import Settings
from benchmarks.gpu.tf32 import allowed

#: Of a vector's spread, in float32.
LIMIT = 1e-4
COLUMN, SOUND_S = "measured", 10


def named_encoders(settings: Settings) -> Iterator[Line]:
    """Pictures, video and sound, each with the weights of the run's model's name (random-tiny or random-full)."""
    from emollama_hf import AudioEmbed, FaceEmbed, VideoEmbed

    name = settings.model if settings.model.startswith("random-") else "random-full"
    for family in (FaceEmbed, VideoEmbed, AudioEmbed):
        yield _equal(family, settings)
        for dtype in settings.dtypes:
            yield _timed(family(name, column=COLUMN, device=settings.device, dtype=dtype), settings)


def _equal(family: Any, settings: Settings) -> Line:
    """Tiny weights on the CPU and on the device, in float32."""
    stages = [
        family("random-tiny", column=COLUMN, device=device, dtype="float32") for device in ("cpu", settings.device)
    ]
    values = []
    for stage in stages:
        with allowed(products=False, convolutions=False):
            outcomes = stage.compute(_items(stage, 2))
        values.append(np.stack([outcome[COLUMN] for outcome in outcomes]))
    far = float(np.abs(values[0] - values[1]).max() / values[0].std())
    return checked(f"{family.__name__} on {settings.device} against the CPU", far <= LIMIT, deviation=far, limit=LIMIT)


def _timed(stage: Any, settings: Settings) -> Line:
    items, times = _items(stage, settings.together), []
    for _ in range(settings.warm_up):
        stage.compute(items)
    for _ in range(settings.rounds):
        started = time.perf_counter()
        stage.compute(items)
        times.append(time.perf_counter() - started)
    seconds = sorted(times)[len(times) // 2]
    return measured(
        f"{type(stage).family.__name__}.compute, {len(items)} together, {stage.resolved_config()['dtype']}",
        ms_a_clip=seconds / len(items) * 1e3,
        clips_a_second=len(items) / seconds,
    )


def _items(stage: Any, clips: int) -> list[Any]:
    """Rows of noise as `compute` takes them: 16 crops, or ten seconds of sound."""
    from emollama_hf.stages.sound_stage import ClipSound

    rng, network = np.random.default_rng(7), stage.model()
    if stage.part == "sound_encoder":
        return [ClipSound(rng.uniform(-0.5, 0.5, SOUND_S * 16_000).astype(np.float32), True) for _ in range(clips)]
    return [network.prepared(rng.integers(0, 256, (16, 112, 112, 3), np.uint8)) for _ in range(clips)]
