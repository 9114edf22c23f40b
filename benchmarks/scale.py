"""Throughput of `engine="ray"` with one and with two workers: `python -m benchmarks.scale` prints JSON lines.

The stage is bound by compute: FaceMAE of a middle size with random weights, in a model directory, on crops that the
rows bring, one thread a worker. Each run is of one Ray that stays, and its rate is that of the clips between the
first and the last finished one, so that starting workers, opening the model and writing the folder do not count. Runs
with one and two workers take turns; `ratio` is that of the medians. `--engine local` measures processes without Ray in
the same way, for comparison. Two workers need two free cores: look at `idle_cores`, what nobody used before each run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Array4D, Dataset, Features

from emollama_hf.engines.local import run_local
from emollama_hf.engines.open_shard import ShardSize
from emollama_hf.engines.ray_data import run_ray
from emollama_hf.engines.workers import Workers
from emollama_hf.extraction.open_run import open_run
from emollama_hf.feature_set.run_description import made_with
from emollama_hf.planning.computation import Report

WORKERS = (1, 2)


def write_middle_model(folder: Path) -> Path:
    """A model directory with a face encoder of a third of the real one's work."""
    from emollama_hf.checkpoints.build import empty_network, ready
    from emollama_hf.checkpoints.write import write_model
    from emollama_hf.encoders.facemae.config_json import facemae_config
    from emollama_hf.tensors.random_weights import fill_randomly

    config = facemae_config(image_size=224, patch_size=16, embed_dim=384, depth=12, num_heads=6)
    network = empty_network("facemae", config, "float32")
    fill_randomly(network.vit, "cpu")
    return write_model(folder, facemae=ready("facemae", network, "cpu"), provenance={})


def made_rows(count: int, seed: int) -> Dataset:
    rng = np.random.default_rng(seed)
    frames = [rng.integers(0, 255, (16, 224, 224, 3), np.uint8) for _ in range(count)]
    return Dataset.from_dict(
        {"facemae_frames": frames}, features=Features({"facemae_frames": Array4D((16, 224, 224, 3), "uint8")})
    )


def idle_cores(seconds: float = 2.0) -> float:
    """Cores that nobody used for a while."""

    def idle_s() -> float:
        fields = Path("/proc/stat").read_text().splitlines()[0].split()
        return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")

    before = idle_s()
    time.sleep(seconds)
    return (idle_s() - before) / seconds


def run_once(engine: str, workers: int, ds: Dataset, model: Path, out: Path) -> float:
    """Clips a second between the first and the last finished one."""
    run = open_run(
        ds, model, stages=["facemae_embed"], out=out, on_error="null", keep=(), overwrite=False, retry_failed=False
    )
    moments: list[float] = []

    def report(done: Report) -> None:
        moments.extend([time.perf_counter()] * done.rows)

    common: dict[str, Any] = {"workers": Workers(engine, num_proc=workers), "size": ShardSize(), "report": report}
    units = run.computation.units()
    if engine == "ray":
        run_ray(run.computation, units, made_with(run.pipeline.stages), **common)
    else:
        run_local(run.computation, units, made_with(run.pipeline.stages), **common)
    # A second worker may begin later than the first, which finishes a few clips meanwhile.
    skipped = len(moments) // 10 + workers
    return (len(moments) - 1 - skipped) / (moments[-1] - moments[skipped])


def measure(engine: str, clips: int, rounds: int, folder: Path) -> None:
    model = write_middle_model(folder / "model")
    rates: dict[int, list[float]] = {workers: [] for workers in WORKERS}
    if engine == "ray":
        import logging

        import ray

        ray.init("local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    for number in range(rounds):
        for workers in WORKERS:
            ds = made_rows(clips * workers, seed=100 * number + workers)
            free = idle_cores()
            rate = run_once(engine, workers, ds, model, folder / f"out-{number}-{workers}")
            rates[workers].append(rate)
            figures = {
                "engine": engine, "round": number, "workers": workers, "clips": len(ds),
                "clips_a_second": round(rate, 3), "idle_cores": round(free, 2),
            }  # fmt: skip
            print(json.dumps(figures), flush=True)
    medians = {workers: statistics.median(rates[workers]) for workers in WORKERS}
    pairs = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
    print(
        json.dumps(
            {
                "engine": engine,
                "clips_a_second": {str(workers): round(rate, 3) for workers, rate in medians.items()},
                "ratio": round(medians[2] / medians[1], 2),
                "ratios": [round(pair, 2) for pair in pairs],
            }
        ),
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--engine", choices=("ray", "local"), default="ray")
    parser.add_argument("--clips", type=int, default=40, help="a worker and run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--in", dest="folder", type=Path, help="measure here and now, in this folder")
    arguments = parser.parse_args()
    if arguments.folder is not None:
        measure(arguments.engine, arguments.clips, arguments.rounds, arguments.folder)
        return
    with tempfile.TemporaryDirectory(prefix="scale-") as name:
        # Ray without a token file in the home directory, and without telling anybody.
        quiet = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
        environment = {**quiet, **os.environ, "HF_HOME": f"{name}/home", "HF_HUB_OFFLINE": "1"}
        command = [sys.executable, "-m", "benchmarks.scale", *sys.argv[1:], "--in", name]
        subprocess.run(command, env=environment, check=True)


if __name__ == "__main__":
    main()
