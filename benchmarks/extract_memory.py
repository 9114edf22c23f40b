"""Memory of `extract`: `python -m benchmarks.extract_memory [--rows 200 2000]` prints one JSON line a run.

Rows bring their features and a small picture; the decoder has the real width and length, hidden states (309, 4096),
and one thin layer, so that thousands of rows take minutes. Memory is the peak of what is resident, mapped files
included, against what is resident once the model is loaded. Each run is a process of its own, and ends with the
folder that `load_dataset` opens.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import PIL.Image
from datasets import Dataset, Features, Image

from emollama_hf import extract
from emollama_hf.checkpoints.random_model import RANDOM_MODELS
from emollama_hf.console import timing
from emollama_hf.encoders import full_sizes
from emollama_hf.stages import EmoLlamaEmbed

MODEL = "random-wide"
WIDTH = 1024


def thin_model() -> None:
    """Make `random-wide` known: the real one's inputs and outputs with next to nothing between."""
    config = copy.deepcopy(full_sizes())
    decoder = config["emotion_llama"]
    decoder["vision_config"] |= {
        "hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 64,
    }  # fmt: skip
    decoder["text_config"] |= {"num_hidden_layers": 1, "intermediate_size": 64, "num_key_value_heads": 1}
    RANDOM_MODELS[MODEL] = lambda: config


def made_rows(count: int) -> Dataset:
    rng = np.random.default_rng(3)
    ds = Dataset.from_dict(
        {
            "peak_frame": [PIL.Image.fromarray(rng.integers(0, 255, (8, 8, 3), np.uint8)) for _ in range(count)],
            "facemae": list(rng.standard_normal((count, WIDTH), np.float32)),
            "videomae": list(rng.standard_normal((count, WIDTH), np.float32)),
        }
    )
    return ds.cast(Features({**ds.features, "peak_frame": Image()}))


def resident_mb(field: str) -> float:
    """VmRSS (now) or VmHWM (the peak) of this process."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def measure(rows: int, folder: Path) -> None:
    thin_model()
    ds = made_rows(rows)
    first = {name: [ds[0][name]] for name in ds.column_names}
    EmoLlamaEmbed(MODEL, dtype="bfloat16")(first)
    with_model = resident_mb("VmRSS")
    timing.reset()
    started = time.perf_counter()
    done = extract(ds, MODEL, dtype="bfloat16", out=folder / "out")
    seconds = time.perf_counter() - started
    peak = resident_mb("VmHWM")
    assert np.shape(done[rows - 1]["emollama"]) == (309, 4096)
    figures = {
        "rows": rows,
        "peak_mb": round(peak),
        "above_model_mb": round(peak - with_model),
        "seconds": round(seconds),
        "model_share": round(timing.stage_times()["emollama_embed"].seconds / seconds, 3),
        "work_mb": round(size_mb(folder / "out" / ".cache")),
        "folder_mb": round(size_mb(folder / "out" / "data")),
    }
    print(json.dumps(figures), flush=True)


def size_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def main() -> None:
    """One process after the other."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[200, 2000])
    parser.add_argument("--in", dest="folder", type=Path, help="measure here and now, in this folder")
    arguments = parser.parse_args()
    if arguments.folder is not None:
        measure(arguments.rows[0], arguments.folder)
        return
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory(prefix="extract-memory-") as name:
            environment = {**os.environ, "HF_HOME": f"{name}/home", "HF_HUB_OFFLINE": "1"}
            command = [sys.executable, "-m", "benchmarks.extract_memory", "--rows", str(rows), "--in", name]
            subprocess.run(command, env=environment, check=True)


if __name__ == "__main__":
    main()
