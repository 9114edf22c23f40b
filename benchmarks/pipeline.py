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

from benchmarks.busy import Busy
from benchmarks.clip_files import SECONDS, clips
from benchmarks.crop_rows import given_crops, warm_up
from emollama_hf import extract
from emollama_hf.checkpoints.random_model import RANDOM_MODELS
from emollama_hf.encoders import full_sizes
from emollama_hf.frames import open_video, sample_clip
from emollama_hf.stages import EmoLlamaEmbed, FaceMAEEmbed, VideoMAEEmbed

MIDDLE = "random-middle"


def middle_model() -> None:
    """Make `random-middle` known: the real widths of inputs and outputs, a twelfth of the work."""
    config = copy.deepcopy(full_sizes())
    for part in ("facemae", "videomae"):
        sizes = config[part]["model_args"] if part == "facemae" else config[part]
        sizes["depth" if part == "facemae" else "num_hidden_layers"] = 2
    config["emotion_llama"]["vision_config"]["num_hidden_layers"] = 3
    config["emotion_llama"]["text_config"]["num_hidden_layers"] = 3
    RANDOM_MODELS[MIDDLE] = lambda: config


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


def frames_seconds(paths: list[str]) -> float:
    """Processor seconds of the frames stage for one clip; 0 without clips."""
    times = []
    for path in paths:
        started = time.process_time()
        with open_video(path) as clip:
            sample_clip(clip)
        times.append(time.process_time() - started)
    return statistics.median(times) if times else 0.0


if __name__ == "__main__":
    main()
