"""The same clips in other company: one by one and together, in one lane and in two, here and in spawned workers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from benchmarks.gpu.deviations import ROUNDING, between
from benchmarks.gpu.lines import Line, checked
from benchmarks.gpu.parts import column, prepared, stage_of
from benchmarks.gpu.settings import Settings

STAGES = ("facemae_embed", "videomae_embed", "emollama_embed")
LANE_TASKS, LANE_ROWS, WORKER_ROWS = 6, 4, 8


def together(settings: Settings) -> Iterator[Line]:
    """One clip after the other against all of them together, and together a second time."""
    from emollama_hf.computing.model_cache import forget_models

    count = settings.together
    for name, asked in product(STAGES, settings.dtypes):
        forget_models()  # both types of a decoder at once would take twice the memory
        stage = stage_of(name, settings, dtype=asked)
        items, dtype = prepared(stage, count), stage.resolved_config()["dtype"]
        alone = np.concatenate([column(stage, stage.compute_together([item])) for item in items])
        at_once = column(stage, stage.compute_together(items))
        figures = between(alone, at_once)
        yield checked(
            f"{stage.makes[0]}, {count} together against each alone, {dtype}",
            figures["rms"] <= ROUNDING[dtype],
            **figures,
        )
        again = column(stage, stage.compute_together(items))
        yield checked(
            f"{stage.makes[0]}, the same {count} again", between(at_once, again)["rms"] == 0, **between(at_once, again)
        )


def lanes(settings: Settings) -> Iterator[Line]:
    """Tasks through two threads with streams of their own against the same tasks one after the other."""
    from emollama_hf.engines.read_ahead import ReadAhead
    from emollama_hf.engines.runner import InPlace

    stages = [stage_of(name, settings, batch_size=LANE_ROWS) for name in STAGES]
    stages[-1].model().remember(0)  # the second run is to compute EVA, too
    types = {stage.makes[0]: stage.resolved_config()["dtype"] for stage in stages}
    in_turn = _through(InPlace(stages))
    two = _through(ReadAhead(stages, readers=0, together=LANE_ROWS, device=settings.device, lanes=2))
    for name, values in in_turn.items():
        figures, dtype = between(values, two[name]), types[name]
        yield checked(f"{name}, two lanes against none, {dtype}", figures["rms"] <= ROUNDING[dtype] / 10, **figures)


def workers(settings: Settings) -> Iterator[Line]:
    """`extract` with two worker processes, which take the GPU of their number, against none."""
    from benchmarks.crop_rows import given_crops
    from emollama_hf import extract

    ds = given_crops(WORKER_ROWS)
    found = {}
    for name, num_proc in (("none", None), ("two", 2)):
        done = extract(
            ds, settings.model, stages=["facemae_embed"], out=settings.folder("workers") / name, num_proc=num_proc,
            device=settings.device, batch_size=2, on_error="raise",
        )  # fmt: skip
        found[name] = np.asarray(done.with_format("numpy", dtype=np.float32)["facemae"])
    dtype = stage_of("facemae_embed", settings).resolved_config()["dtype"]
    figures = between(found["none"], found["two"])
    yield checked(f"facemae, two workers against none, {dtype}", figures["rms"] <= ROUNDING[dtype] / 10, **figures)


def _through(runner: Any) -> dict[str, np.ndarray]:
    """The columns of all tasks, taken through a runner."""
    running = [runner.start(_task(number)) for number in range(LANE_TASKS)]
    try:
        done = [future.result() for future in running]
    finally:
        runner.close()
    columns: dict[str, list[Any]] = {}
    for task in done:
        for outcomes in task.outcomes.values():
            for index in range(LANE_ROWS):
                outcome = outcomes[index]
                if isinstance(outcome, Exception):
                    raise outcome
                for name, value in outcome.items():
                    columns.setdefault(name, []).append(value)
    return {name: np.stack(values) for name, values in columns.items()}


def _task(number: int) -> Any:
    from emollama_hf.planning.task import Task
    from emollama_hf.rows import Rows

    rng = np.random.default_rng(number)
    batch = {
        "facemae_frames": [rng.integers(0, 256, (16, 224, 224, 3), np.uint8) for _ in range(LANE_ROWS)],
        "videomae_frames": [rng.integers(0, 256, (16, 224, 224, 3), np.uint8) for _ in range(LANE_ROWS)],
        "peak_frame": [rng.integers(0, 256, (480, 640, 3), np.uint8) for _ in range(LANE_ROWS)],
    }
    return Task(range(LANE_ROWS), Rows.from_batch(batch), [set(STAGES)] * LANE_ROWS, {})
