"""`extract` as a whole: from crops that rows bring, and from video files; how long the device waits meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.gpu.lines import Line, measured
from benchmarks.gpu.parts import stage_of
from benchmarks.gpu.settings import Settings
from benchmarks.gpu.watching import Watch

STAGES = ("facemae_embed", "videomae_embed", "emollama_embed")


def crops(settings: Settings) -> Iterator[Line]:
    """Rows with crops: pooled and whole hidden states, through two lanes, one and three."""
    from benchmarks.crop_rows import given_crops

    ds = given_crops(settings.chain_rows)
    _warm_up(settings)
    # A run on a CPU has no lanes.
    on_gpu = ((2, "all"), (2, "mean"), (1, "mean"), (3, "mean"), (1, "all"))
    for lanes, pooling in on_gpu if settings.on_gpu else ((0, "all"), (0, "mean")):
        said = f"from crops, {f'lanes: {lanes}, ' if lanes else ''}pooling: {pooling}"
        with _lanes(lanes):
            yield _run(said, ds, settings, f"{lanes}-{pooling}", pooling=pooling)


def videos(settings: Settings) -> Iterator[Line]:
    """Files of 10 s and 640x480: the middle frame, then the most expressive one, for which every face is looked for."""
    from benchmarks.clip_files import clips

    size = (640, 480) if settings.on_gpu else (160, 120)
    started = time.perf_counter()
    ds = clips(settings.folder("clips"), settings.video_rows, size)
    written = time.perf_counter()
    _warm_up(settings)
    yield measured("prepared", write_clips_s=written - started, load_models_s=time.perf_counter() - written)
    for peak in ("middle", "expressive"):
        said = f"from mp4 of {size[0]}x{size[1]}, peak: {peak}"
        yield _run(said, ds, settings, f"mp4-{peak}", peak=peak, num_readers=settings.readers)


def _run(said: str, ds: Any, settings: Settings, name: str, **options: Any) -> Line:
    from emollama_hf import extract

    stages = [stage_of(stage, settings) for stage in STAGES]
    watch = Watch([stage.model() for stage in stages], settings.device)
    started = time.perf_counter()
    with watch:
        extract(
            ds, settings.model, out=settings.folder("chain") / name, device=settings.device, on_error="raise", **options
        )
    seconds = time.perf_counter() - started
    return measured(
        said,
        clips=len(ds),
        seconds=seconds,
        clips_a_second=len(ds) / seconds,
        **watch.figures(seconds, len(ds)),
        details={"lines": watch.lines()},
    )


def _warm_up(settings: Settings) -> None:
    from benchmarks.crop_rows import warm_up

    warm_up([stage_of(name, settings) for name in STAGES])


@contextmanager
def _lanes(count: int) -> Iterator[None]:
    """While it lasts, runs of this process have so many lanes; 0 leaves them as they are."""
    from emollama_hf.engines import read_ahead

    before = read_ahead.LANES
    read_ahead.LANES = count or before
    try:
        yield
    finally:
        read_ahead.LANES = before
