"""Conversion at real size: `python -m benchmarks.convert --folder DIR` prints one JSON line a measurement.

Writes random checkpoints of the published sizes (18 GB), converts them, and compares with `cp` of the same bytes, twice
and in turns. The page cache is emptied before each, and each ends when its bytes are on the disk, so that both are
measured against the disk. Memory is anonymous memory: mapped file pages are the system's to take back. Then the result
is loaded. `--tiny` does all of it with golden's sizes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
#: The published sizes, and those of the decoders that the conversion leaves out.
REAL: dict[str, dict[str, Any]] = {
    "mae": {"image_size": 224, "patch_size": 16, "embed_dim": 1024, "depth": 24, "num_heads": 16},
    "video": {
        "image_size": 224,
        "patch_size": 16,
        "embed_dim": 1024,
        "depth": 24,
        "num_heads": 16,
        "tubelet_size": 2,
        "num_frames": 16,
    },
    "eva": {
        "image_size": 448,
        "checkpoint_image_size": 224,
        "patch_size": 14,
        "embed_dim": 1408,
        "depth": 39,
        "num_heads": 16,
        "mlp_hidden": 6144,
    },
    "llama": {
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "vocab_size": 32000,
        "rms_norm_eps": 1e-5,
        "max_position_embeddings": 4096,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "rope_theta": 10000.0,
    },
    "lora": {"r": 64, "alpha": 16},
}
LLAMA_SHARDS = 7

# Each measured program prints its baseline, runs, and prints that it is done; its memory is watched from outside.
CONVERT = """
import json, sys
from emollama_hf.conversion.convert import run_conversion
from pathlib import Path
print("ready", flush=True)
sys.stdin.readline()
files, architecture, out = json.loads(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
run_conversion(Path(out), files, architecture=architecture)
print("done", flush=True)
sys.stdin.readline()
"""
LOAD = """
import sys
import torch
from emollama_hf.checkpoints import open_model
from emollama_hf.models import EmotionLlamaModel
print("ready", flush=True)
sys.stdin.readline()
if sys.argv[2] == "from_pretrained":
    model = EmotionLlamaModel.from_pretrained(sys.argv[1] + "/emotion_llama")
else:
    model = open_model(sys.argv[1]).load_emotion_llama(dtype="float16")
print("done", sum(tensor.nbytes for tensor in model.state_dict().values()), flush=True)
sys.stdin.readline()
"""


def main() -> None:
    """Print all measurements; takes some minutes at real size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, help="on the disk to measure; 65 GB must be free (default: temporary)")
    parser.add_argument("--tiny", action="store_true", help="golden's sizes instead of the real ones")
    arguments = parser.parse_args()
    sizes = json.loads((GOLDEN / "MANIFEST.json").read_text())["hyperparameters"] if arguments.tiny else REAL
    if arguments.folder is not None:
        arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="convert-", dir=arguments.folder) as name:
        free = shutil.disk_usage(name).free
        if not arguments.tiny and free < 65e9:
            sys.exit(f"65 GB must be free, and {free / 1e9:.0f} GB are. Name another disk with --folder.")
        measure(Path(name), sizes, LLAMA_SHARDS if not arguments.tiny else 1)


def measure(folder: Path, sizes: dict[str, Any], shards: int) -> None:
    from tests.original_files import write_original_files

    files = write_original_files(folder / "files", sizes, tokenizer=GOLDEN / "checkpoints" / "llama", shards=shards)
    sources = size_of(folder / "files")
    given = {kind: str(path) for kind, path in files.items()}
    model, copy = folder / "model", folder / "copy"
    for attempt in (1, 2):
        for place in (model, copy):
            shutil.rmtree(place, ignore_errors=True)
        empty_page_cache(folder)
        converted = watched(CONVERT, json.dumps(given), json.dumps(sizes), str(model), until_on_disk=True)
        empty_page_cache(folder)
        start = time.perf_counter()
        subprocess.run(["cp", "-r", str(folder / "files"), str(copy)], check=True)
        os.sync()
        copied = time.perf_counter() - start
        report(
            attempt=attempt,
            sources_gb=round(sources / 1e9, 3),
            result_gb=round(size_of(model) / 1e9, 3),
            convert_s=converted["seconds"],
            cp_s=round(copied, 2),
            convert_over_cp=round(converted["seconds"] / copied, 2),
            peak_anonymous_above_imports_gb=converted["anonymous_gb"],
            peak_anonymous_gb=converted["anonymous_whole_gb"],
        )
    shutil.rmtree(copy)
    for loader in ("from_pretrained", "open_model"):
        loaded = watched(LOAD, str(model), loader)
        weights = loaded.pop("weights")
        share = loaded["anonymous_gb"] * 1e9 / weights
        report(loader=loader, weights_gb=round(weights / 1e9, 3), anonymous_over_weights=round(share, 3), **loaded)


def report(**measured: Any) -> None:
    print(json.dumps(measured), flush=True)


def watched(program: str, *arguments: str, until_on_disk: bool = False) -> dict[str, Any]:
    """Run a program in a process of its own: seconds and peak anonymous memory between "ready" and "done"."""
    command = [sys.executable, "-c", program, *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        line(process.stdout, "ready")
        baseline = peak = anonymous(process.pid)
        os.set_blocking(process.stdout.fileno(), False)
        start = time.perf_counter()
        process.stdin.write("go\n")
        answer = ""
        while not answer:
            if process.poll() is not None:
                raise RuntimeError(f"the measured program ended with {process.returncode}")
            peak = max(peak, anonymous(process.pid))
            answer = process.stdout.readline()
            time.sleep(0.01)
        if until_on_disk:
            os.sync()
        seconds = time.perf_counter() - start
        process.stdin.write("end\n")
    measured = {
        "seconds": round(seconds, 2),
        "anonymous_gb": round((peak - baseline) / 1e9, 3),
        "anonymous_whole_gb": round(peak / 1e9, 3),
    }
    _, *weights = answer.split()
    return {**measured, **({"weights": int(weights[0])} if weights else {})}


def line(stream: Any, expected: str) -> None:
    while (got := stream.readline()).strip() != expected:
        if not got:
            raise RuntimeError("the measured program ended before it was ready")


def anonymous(pid: int) -> int:
    """Bytes of memory that no file backs."""
    for row in Path(f"/proc/{pid}/status").read_text().splitlines():
        if row.startswith("RssAnon"):
            return int(row.split()[1]) * 1024
    return 0


def empty_page_cache(folder: Path) -> None:
    """Forget the files' contents, as far as this user may."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
