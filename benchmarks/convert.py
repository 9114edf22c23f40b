"""Conversion at real size: `python -m benchmarks.convert [--folder DIR]` prints one JSON line a measurement.

Writes random checkpoints of the published sizes, copies them with `cp` and converts them, twice and in turns; then
loads the result. Each in a process of its own, whose memory is watched from here: anonymous memory counts, mapped pages
of files are the system's to take back. `--tiny` does all of it with golden's sizes.
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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.original_files import write_original_files

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
#: What golden's manifest calls by its name, "Llama-2-7b-chat".
LLAMA = {
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "vocab_size": 32000,
    "max_position_embeddings": 4096,
}
#: Shards of the decoder, of about 2 GB.
SHARDS = 7
#: The sources (19 GB) with their copy or with the result (20 GB), never both.
NEEDED_GB = 45
PASSES = 2
POLL_S = 0.02

# A measured program says "ready" when its imports are done, and waits; "done" when its work is, and waits.
CONVERT = """
import json, sys
import torch, transformers
from transformers import LlamaModel
import emollama_hf, emollama_hf.models, emollama_hf.conversion.convert
arguments = json.loads(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
emollama_hf.convert(**arguments)
print("done", flush=True)
sys.stdin.readline()
"""
LOAD = """
import sys
import torch
from emollama_hf import EmotionLlamaModel
from emollama_hf.checkpoints import open_model
from transformers import LlamaModel
print("ready", flush=True)
sys.stdin.readline()
if sys.argv[2] == "from_pretrained":
    model = EmotionLlamaModel.from_pretrained(sys.argv[1] + "/emotion_llama")
else:
    model = open_model(sys.argv[1]).load("emotion_llama", dtype="float16")
print("done", sum(tensor.nbytes for tensor in model.state_dict().values()), flush=True)
sys.stdin.readline()
"""


@dataclass(frozen=True)
class Memory:
    """Bytes of a process: those that no file backs, and all that are resident."""

    anonymous: int
    resident: int


@dataclass(frozen=True)
class Watched:
    """baseline: after the imports.  peak: of each number by itself.  answer: what the program said when done."""

    seconds: float
    baseline: Memory
    peak: Memory
    answer: str

    @property
    def above_baseline(self) -> int:
        return self.peak.anonymous - self.baseline.anonymous

    def figures(self) -> dict[str, float]:
        return {
            "peak_anonymous_gb": gb(self.peak.anonymous),
            "peak_rss_gb": gb(self.peak.resident),
            "baseline_anonymous_gb": gb(self.baseline.anonymous),
            "baseline_rss_gb": gb(self.baseline.resident),
        }


def main() -> None:
    """Print all measurements; takes some minutes at real size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, help=f"on the disk to measure, with {NEEDED_GB} GB (default: temporary)")
    parser.add_argument("--tiny", action="store_true", help="golden's sizes instead of the real ones")
    arguments = parser.parse_args()
    if arguments.folder is not None:
        arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="convert-", dir=arguments.folder) as name:
        free = shutil.disk_usage(name).free / 1e9
        if not arguments.tiny and free < NEEDED_GB:
            sys.exit(f"{free:.0f} GB are free, {NEEDED_GB} GB are needed. Name another disk with --folder.")
        measure(Path(name), tiny=arguments.tiny)


def measure(folder: Path, *, tiny: bool) -> None:
    manifest = json.loads((GOLDEN / "MANIFEST.json").read_text())
    real = {**manifest["real_model_hyperparameters"], "llama": LLAMA}
    sizes, shards = (manifest["hyperparameters"], 1) if tiny else (real, SHARDS)
    start = time.perf_counter()
    sources, model, copy = folder / "sources", folder / "model", folder / "copy"
    files = write_original_files(sources, sizes, tokenizer=GOLDEN / "checkpoints" / "llama", shards=shards)
    os.sync()
    report(step="write sources", sources_gb=gb(bytes_of(sources)), seconds=round(time.perf_counter() - start, 2))
    # The real sizes are what convert assumes, so that it gets what a user gives it.
    options = {"out": str(model), "architecture": sizes if tiny else None}
    options |= {kind: str(path) for kind, path in files.items()}
    for attempt in range(1, PASSES + 1):
        shutil.rmtree(model, ignore_errors=True)
        empty_page_cache(folder)
        cp_s = seconds_of_copy(sources, copy)
        shutil.rmtree(copy)
        empty_page_cache(folder)
        converted = watched(CONVERT, json.dumps(options), cache=folder / f"cache{attempt}", until_on_disk=True)
        report(
            step="convert",
            attempt=attempt,
            sources_gb=gb(bytes_of(sources)),
            result_gb=gb(bytes_of(model)),
            convert_s=round(converted.seconds, 2),
            cp_s=round(cp_s, 2),
            convert_over_cp=round(converted.seconds / cp_s, 2),
            **converted.figures(),
        )
    for loader in ("from_pretrained", "open_model"):
        loaded = watched(LOAD, str(model), loader, cache=folder / "cache")
        weights = int(loaded.answer.split()[1])
        report(
            step="load",
            loader=loader,
            weights_gb=gb(weights),
            seconds=round(loaded.seconds, 2),
            anonymous_above_baseline_gb=gb(loaded.above_baseline),
            anonymous_over_weights=round(loaded.above_baseline / weights, 3),
            **loaded.figures(),
        )


def report(**measured: Any) -> None:
    print(json.dumps(measured), flush=True)


def seconds_of_copy(source: Path, target: Path) -> float:
    """Of `cp`, until the bytes are on the disk."""
    start = time.perf_counter()
    subprocess.run(["cp", "-r", str(source), str(target)], check=True)
    os.sync()
    return time.perf_counter() - start


def watched(program: str, *arguments: str, cache: Path, until_on_disk: bool = False) -> Watched:
    """Run a program in a process of its own and watch it between "ready" and "done".

    cache: HF_HOME of the program; a new one each time, since hashes of large files are remembered there.
    until_on_disk: let the time end when all bytes are on the disk, as that of `cp` does.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env={**os.environ, "HF_HOME": str(cache), "HF_HUB_DISABLE_PROGRESS_BARS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        expect(process.stdout, "ready")
        baseline = peak = memory(process.pid)
        os.set_blocking(process.stdout.fileno(), False)
        start = time.perf_counter()
        process.stdin.write("go\n")
        while not (answer := process.stdout.readline()):
            if process.poll() is not None:
                raise RuntimeError(f"the measured program ended with {process.returncode}")
            time.sleep(POLL_S)
            now = memory(process.pid)
            peak = Memory(max(peak.anonymous, now.anonymous), max(peak.resident, now.resident))
        if until_on_disk:
            os.sync()
        seconds = time.perf_counter() - start
        process.stdin.write("end\n")
    return Watched(seconds, baseline, peak, answer)


def expect(stream: IO[str], word: str) -> None:
    if (got := stream.readline().strip()) != word:
        raise RuntimeError(f"the measured program printed {got!r}, expected {word!r}")


def memory(pid: int) -> Memory:
    rows = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields: Mapping[str, str] = dict(row.split(":", 1) for row in rows)
    # A process that is ending has neither.
    sizes = [int(fields.get(name, "0 kB").split()[0]) * 1024 for name in ("RssAnon", "VmRSS")]
    return Memory(*sizes)


def empty_page_cache(folder: Path) -> None:
    """Let the next step read from the disk, and write to an idle one.

    What was read before would otherwise come from memory, and what was written would be waiting to be. Only the
    administrator may drop the whole cache; for anyone else the files' own pages are given up one by one.
    """
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("1\n")
    except OSError:
        for path in folder.rglob("*"):
            if path.is_file():
                with path.open("rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def gb(count: int) -> float:
    return round(count / 1e9, 3)


if __name__ == "__main__":
    main()
