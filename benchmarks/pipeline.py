"""What `extract` costs beside the models: `python -m benchmarks.pipeline [--clips 200] [--model middle] [--crops]`.

One run over clips of 10 s (or over given crops), the folder that `load_dataset` opens included, and one JSON line:

    clips_a_second, seconds
    model_s           time in which a network was computing, from the first to the last of its kernels (on a GPU gaps
                      between these count, too: `nvidia-smi dmon` shows them)
    model_share       model_s / seconds
    frames_cpu_s      processor time of the frames stage, measured on some of the clips before and after the run
    ratio             seconds / model_s
    ratio_with_frames seconds / (model_s + frames_cpu_s): for machines where the models take all cores
    ratio_beside_frames (seconds - frames_cpu_s) / model_s: the same, and nothing is allowed for the frames

`middle` is a model of middling size, `random-full` the real one, `random-tiny` next to nothing.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from emollama_hf import extract
from emollama_hf.checkpoints.architecture import FULL
from emollama_hf.checkpoints.random_model import RANDOM_MODELS
from emollama_hf.frames import open_video, sample_clip
from emollama_hf.stages import EmoLlamaEmbed, FaceMAEEmbed, VideoMAEEmbed
from tests import videos

MIDDLE = "random-middle"
SECONDS, RATE = 10, 25


def middle_model() -> None:
    """Make `random-middle` known: the real widths of inputs and outputs, a twelfth of the work."""
    config = copy.deepcopy(FULL)
    for part in ("facemae", "videomae"):
        sizes = config[part]["model_args"] if part == "facemae" else config[part]
        sizes["depth" if part == "facemae" else "num_hidden_layers"] = 2
    config["emotion_llama"]["vision_config"]["num_hidden_layers"] = 3
    config["emotion_llama"]["text_config"]["num_hidden_layers"] = 3
    RANDOM_MODELS[MIDDLE] = config


class Busy:
    """When networks compute, each call from its beginning to its end; on a GPU by events of its own clock."""

    def __init__(self, networks: list[Any], device: str) -> None:
        self._cuda = device.startswith("cuda")
        self._intervals: list[tuple[Any, Any]] = []
        self._first = self._now()
        for network in networks:
            began: dict[int, Any] = {}
            network.register_forward_pre_hook(lambda *_, began=began: began.update({_thread(): self._now()}))
            network.register_forward_hook(
                lambda *_, began=began: self._intervals.append((began.pop(_thread()), self._now()))
            )

    def _now(self) -> Any:
        if not self._cuda:
            return time.perf_counter()
        import torch

        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def reset(self) -> None:
        self._intervals.clear()

    def seconds(self) -> float:
        """Time in which at least one network was computing."""
        if self._cuda:
            import torch

            torch.cuda.synchronize()
            spans = [(self._first.elapsed_time(a) / 1e3, self._first.elapsed_time(b) / 1e3) for a, b in self._intervals]
        else:
            spans = self._intervals
        total, end = 0.0, -1e30
        for start, stop in sorted(spans):
            total += max(0.0, stop - max(start, end))
            end = max(end, stop)
        return total


def _thread() -> int:
    import threading

    return threading.get_ident()


def main() -> None:
    """Make the clips, load the model, run once."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--model", default="middle", choices=["middle", "random-full", "random-tiny"])
    parser.add_argument("--size", type=int, nargs=2, default=[640, 480], help="width and height of the clips")
    parser.add_argument("--crops", action="store_true", help="begin with decoded crops and peak frames")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--num-readers", type=int)
    parser.add_argument("--pooling", default="all")
    asked = parser.parse_args()
    middle_model()
    model = MIDDLE if asked.model == "middle" else asked.model
    where = {"dtype": asked.dtype, "device": asked.device, "batch_size": asked.batch_size}
    stages = [FaceMAEEmbed(model, **where), VideoMAEEmbed(model, **where), EmoLlamaEmbed(model, **where)]
    with tempfile.TemporaryDirectory(prefix="pipeline-") as name:
        os.environ["HF_HOME"] = f"{name}/home"
        folder = Path(name)
        ds = given_crops(asked.clips) if asked.crops else clips(folder, asked.clips, tuple(asked.size))
        some = [] if asked.crops else ds["video"][:5]
        frames_before = frames_seconds(some)
        networks = [stage.model() for stage in stages]
        warm_up(stages)
        busy = Busy(networks, stages[0].device())
        started = time.perf_counter()
        extract(
            ds, model, out=folder / "out", pooling=asked.pooling, num_readers=asked.num_readers,
            **{key: value for key, value in where.items() if value is not None},
        )  # fmt: skip
        seconds = time.perf_counter() - started
        frames_cpu = (frames_before + frames_seconds(some)) / 2 * asked.clips
    model_s = busy.seconds()
    figures = {
        "clips": asked.clips,
        "model": model,
        "input": "crops" if asked.crops else f"{SECONDS} s of {asked.size[0]}x{asked.size[1]}",
        "device": stages[0].device(),
        "dtype": stages[0].resolved_config()["dtype"],
        "clips_a_batch": stages[2].micro_batch,
        "seconds": round(seconds, 1),
        "clips_a_second": round(asked.clips / seconds, 3),
        "model_share": round(model_s / seconds, 3),
        "model_s": round(model_s, 1),
        "frames_cpu_s": round(frames_cpu, 1),
        "ratio": round(seconds / model_s, 3),
        "ratio_with_frames": round(seconds / (model_s + frames_cpu), 3),
        "ratio_beside_frames": round((seconds - frames_cpu) / model_s, 3),
    }
    print(json.dumps(figures), flush=True)


def clips(folder: Path, count: int, size: tuple[int, int]) -> Dataset:
    """Distinct files: a few encoded clips, copied with different bytes behind the last box."""
    made = [
        videos.write_video(folder / f"original{i}.mp4", videos.pan(SECONDS * RATE, size=size), fps=RATE)
        for i in range(2)
    ]
    paths = []
    for number in range(count):
        path = folder / f"{number}.mp4"
        # A box that players skip makes each file's content its own.
        box = (16).to_bytes(4, "big") + b"free" + number.to_bytes(8, "big")
        path.write_bytes(made[number % 2].read_bytes() + box)
        paths.append(str(path))
    return Dataset.from_dict({"video": paths})


def given_crops(count: int) -> Dataset:
    from datasets import Array4D, Features, Image
    from PIL import Image as Pictures

    rng = np.random.default_rng(3)
    stack = Array4D((16, 224, 224, 3), "uint8")
    rows = {
        "facemae_frames": [rng.integers(0, 256, (16, 224, 224, 3), np.uint8) for _ in range(count)],
        "videomae_frames": [rng.integers(0, 256, (16, 224, 224, 3), np.uint8) for _ in range(count)],
        "peak_frame": [Pictures.fromarray(rng.integers(0, 256, (480, 640, 3), np.uint8)) for _ in range(count)],
    }
    features = Features({"facemae_frames": stack, "videomae_frames": stack, "peak_frame": Image()})
    return Dataset.from_dict(rows, features=features)


def frames_seconds(paths: list[str]) -> float:
    """Processor seconds of the frames stage for one clip; 0 without clips."""
    times = []
    for path in paths:
        started = time.process_time()
        with open_video(path) as clip:
            sample_clip(clip)
        times.append(time.process_time() - started)
    return statistics.median(times) if times else 0.0


def warm_up(stages: list[Any]) -> None:
    rng = np.random.default_rng(1)
    row = {
        "facemae_frames": [rng.integers(0, 256, (16, 224, 224, 3), np.uint8)],
        "videomae_frames": [rng.integers(0, 256, (16, 224, 224, 3), np.uint8)],
        "peak_frame": [rng.integers(0, 256, (480, 640, 3), np.uint8)],
    }
    for stage in stages[:2]:
        row |= {stage.makes[0]: list(stage(row)[stage.makes[0]])}
    stages[2](row)


if __name__ == "__main__":
    main()
