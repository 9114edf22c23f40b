"""Time of a cached `map`: `python -m benchmarks.map_cache [--rows N]` prints one JSON line.

A first process embeds rows that bring their features and a small picture with a tiny random model, which takes
minutes; a second one, new, does the same and finds everything in the cache of `datasets`. Its imports are timed apart.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from datasets import Dataset, Features, Image

from emollama_hf import EmoLlamaEmbed

MODEL = "random-tiny"

# What a user's script does. Networks that are called are counted, whoever calls them.
SCRIPT = """
import json, sys, time
started = time.perf_counter()
import torch
from datasets import load_from_disk
import emollama_hf
from emollama_hf import emollama_embed
imported = time.perf_counter()
calls = 0
def count(module, arguments):
    global calls
    calls += type(module).__name__ == "EmotionLlamaModel"
torch.nn.modules.module.register_module_forward_pre_hook(count)
counting = time.perf_counter()
ds = load_from_disk(sys.argv[1])
emollama_hf.configure(model=sys.argv[2])
ds = ds.map(emollama_embed, batched=True)
mapped = time.perf_counter()
assert len(ds[-1]["emollama"]), "readable"
print(json.dumps({
    "rows": len(ds),
    "model_calls": calls,
    "import_s": round(imported - started, 2),
    "map_s": round(mapped - counting, 2),
}))
"""


def main() -> None:
    """Fill the cache in one process, measure another."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=10_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory(prefix="map-cache-") as name:
        folder = Path(name)
        made_rows(rows).save_to_disk(str(folder / "rows"))
        first, second = in_new_process(folder), in_new_process(folder)
        cached_mb = sum(path.stat().st_size for path in (folder / "rows").glob("cache-*")) / 1e6
    print(json.dumps({**second, "cache_mb": round(cached_mb), "first_map_s": first["map_s"]}), flush=True)


def made_rows(count: int) -> Dataset:
    """Rows with a picture of noise and two vectors of the model's width."""
    rng = np.random.default_rng(3)
    width = int(EmoLlamaEmbed(MODEL).source.config("emotion_llama")["feature_size"])
    ds = Dataset.from_dict(
        {
            "peak_frame": [PIL.Image.fromarray(rng.integers(0, 255, (8, 8, 3), np.uint8)) for _ in range(count)],
            "facemae": list(rng.standard_normal((count, width), np.float32)),
            "videomae": list(rng.standard_normal((count, width), np.float32)),
        }
    )
    return ds.cast(Features({**ds.features, "peak_frame": Image()}))


def in_new_process(folder: Path) -> dict[str, Any]:
    """One run of the script; its figures."""
    # Networks this small gain nothing from threads, and lose much where others use the processor, too.
    environment = {**os.environ, "HF_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT, str(folder / "rows"), MODEL]
    finished = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return figures


if __name__ == "__main__":
    main()
