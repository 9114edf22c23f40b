"""How near each stage comes to the hardware: `python -m benchmarks.encoders [--dtypes bfloat16 float32]`.

For each stage at real size (`random-full`) one JSON line: seconds a clip through the public transform, TFLOP, the share
of the peak of matrix products measured before and after, and the share of the stage's own ceiling: its matrix products
and attention calls, recorded on the way and timed alone in the same process, with the same weights and inputs of the
same shapes. EVA and the decoder are two parts of one transform; what lies around them (resizing, projections, storing)
counts for the part that it is nearer to. A table for people follows on standard error.

float32 does not fit most machines at full depth (33 GB): there the decoder has 8 of its 32 equal layers.

What the decoder answers (`answers.py`) is measured against what it cannot do without, with 2 layers.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np

from benchmarks import answers
from benchmarks.peak import device_name, product_peak, synchronise
from benchmarks.products import Recording, recorder, seconds_alone

STAGES = ("facemae_embed", "videomae_embed", "emollama_embed")
THIN_LAYERS = 8


def main() -> None:
    """One process a stage and dtype: the memory of one is not the next one's."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dtypes", nargs="+", default=["bfloat16", "float32"])
    parser.add_argument("--stages", nargs="+", default=[*STAGES, *answers.LIMITS], choices=[*STAGES, *answers.LIMITS])
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--clips", type=int, default=None, help="clips computed together; default: as the stage chooses"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--here", action="store_true", help="measure the first stage and dtype in this process")
    asked = parser.parse_args()
    if asked.here:
        measured = answers.measure if asked.stages[0] in answers.LIMITS else measure
        for line in measured(asked.stages[0], asked.dtypes[0], asked.device, asked.clips, asked.rounds):
            print(json.dumps(line), flush=True)
        return
    lines: list[dict[str, Any]] = []
    for dtype in asked.dtypes:
        for stage in asked.stages:
            command = [sys.executable, "-m", "benchmarks.encoders", "--here", "--stages", stage, "--dtypes", dtype]
            command += ["--device", asked.device, "--rounds", str(asked.rounds)]
            command += [] if asked.clips is None else ["--clips", str(asked.clips)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=_offline())
            sys.stdout.write(done.stdout)
            sys.stdout.flush()
            lines += map(json.loads, done.stdout.splitlines())
    _print_table(lines)


def _offline() -> dict[str, str]:
    return {**os.environ, "HF_HUB_OFFLINE": "1"}


def measure(stage_name: str, dtype: str, device: str, clips: int | None, rounds: int) -> list[dict[str, Any]]:
    """The lines of one stage, measured in this process."""
    import torch

    model = _model(stage_name, dtype, device)
    stage = stage_of(stage_name, model, dtype, device, clips)
    batch = batch_of(stage_name, stage.micro_batch)
    recording = Recording()
    before = product_peak(dtype, device)
    marks: dict[str, list[float]] = {}
    with torch.inference_mode(), recorder(recording), _parts(stage, recording, {}):
        stage(batch)
    calls = recording.calls
    times: dict[str, list[float]] = {}
    alone: dict[str, list[float]] = {}
    with torch.inference_mode():
        for _ in range(rounds):  # in turns, so that a busy machine hinders both alike
            for part, seconds in _through(stage, batch, marks, device).items():
                times.setdefault(part, []).append(seconds)
            for part, seconds in seconds_alone(calls, device).items():
                alone.setdefault(part, []).append(seconds)
    peak = (before + product_peak(dtype, device)) / 2
    lines = []
    for part in times:
        # The first part holds what no other has: the stage's own calls before and between its networks.
        flop = recording.flop(part)
        seconds, ceiling = statistics.median(times[part]), statistics.median(alone[part])
        lines.append(
            {
                "stage": stage_name,
                "part": part,
                "dtype": dtype,
                "device": device_name(device),
                "clips": stage.micro_batch,
                "seconds_a_clip": round(seconds / stage.micro_batch, 3),
                "tflop_a_clip": round(flop / stage.micro_batch / 1e12, 3),
                "peak_gflops": round(peak / 1e9),
                "share_of_peak": round(flop / seconds / peak, 3),
                "ceiling_share_of_peak": round(flop / ceiling / peak, 3),
                "share_of_ceiling": round(ceiling / seconds, 3),
            }
        )
    return lines


def _model(stage: str, dtype: str, device: str) -> str:
    """random-full; with fewer decoder layers where the whole does not fit."""
    from emollama_hf.checkpoints.random_model import RANDOM_MODELS
    from emollama_hf.encoders import full_sizes

    if stage != "emollama_embed" or dtype != "float32" or device != "cpu":
        return "random-full"
    config = copy.deepcopy(full_sizes())
    config["emotion_llama"]["text_config"]["num_hidden_layers"] = THIN_LAYERS
    RANDOM_MODELS["random-full-thin"] = lambda: config
    return "random-full-thin"


def stage_of(name: str, model: str, dtype: str, device: str, clips: int | None) -> Any:
    from emollama_hf.stages import STAGES as ALL

    cls = next(stage for stage in ALL if stage.name == name)
    stage: Any = cls(model, dtype=dtype, device=device, batch_size=clips)  # type: ignore[call-arg]
    if stage.part == "emotion_llama":
        stage.model().remember(0)  # rounds take the same clips, and each is to compute EVA
    return stage


def batch_of(stage: str, clips: int) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    if stage == "emollama_embed":
        return {
            "peak_frame": [rng.integers(0, 256, (480, 640, 3), np.uint8) for _ in range(clips)],
            "facemae": list(rng.standard_normal((clips, 1024), np.float32)),
            "videomae": list(rng.standard_normal((clips, 1024), np.float32)),
        }
    return {f"{stage.split('_')[0]}_frames": list(rng.integers(0, 256, (clips, 16, 224, 224, 3), np.uint8))}


def _parts(stage: Any, recording: Recording, marks: dict[str, list[float]]) -> Any:
    """While it lasts, the parts of the stage's network say when they begin."""
    from contextlib import ExitStack

    model = stage.model()
    stack = ExitStack()
    recording.part = stage.part
    if stage.part == "emotion_llama":
        recording.part = "eva"

        def decoder_begins(*_: Any, **__: Any) -> None:
            synchronise(str(next(model.parameters()).device))
            recording.part = "decoder"
            marks.setdefault("decoder", []).append(time.perf_counter())

        hook = model.language_model.layers[0].register_forward_pre_hook(decoder_begins, with_kwargs=True)
        stack.callback(hook.remove)
    return stack


def _through(stage: Any, batch: dict[str, Any], marks: dict[str, list[float]], device: str) -> dict[str, float]:
    """Seconds of one call of the public transform, by part."""
    marks.clear()
    recording = Recording()
    with _parts(stage, recording, marks):
        first = stage.part if stage.part != "emotion_llama" else "eva"
        synchronise(device)
        started = time.perf_counter()
        stage(batch)
        synchronise(device)
        ended = time.perf_counter()
    if not marks:
        return {first: ended - started}
    border = marks["decoder"][0]
    return {first: border - started, "decoder": ended - border}


def _print_table(lines: list[dict[str, Any]]) -> None:
    _print_rows(
        [line for line in lines if "part" in line],
        {
            "dtype": "dtype", "part": "part", "s a clip": "seconds_a_clip", "TFLOP": "tflop_a_clip",
            "of peak": "share_of_peak", "ceiling of peak": "ceiling_share_of_peak", "of ceiling": "share_of_ceiling",
        },
    )  # fmt: skip
    _print_rows(
        [line for line in lines if "ratio" in line],
        {
            "dtype": "dtype", "answers": "stage", "clips": "clips", "s": "seconds", "least": "seconds_of_the_least",
            "ratio": "ratio", "limit": "limit",
        },
    )  # fmt: skip


def _print_rows(lines: list[dict[str, Any]], columns: dict[str, str]) -> None:
    rows = [tuple(columns), *[tuple(str(line[name]) for name in columns.values()) for line in lines]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    for row in rows if lines else ():
        sys.stderr.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + "\n")


if __name__ == "__main__":
    main()
