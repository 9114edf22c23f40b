"""What checking every byte costs: `python -m benchmarks.checking` prints one JSON line a measurement.

First the hashes on one file in the page cache, in bytes a second. Then `extract` that finds everything computed, with
the reading of its shards and Parquet files and, in turns in the same process, without it: `ratio` is the processor time
with over the processor time without. Every run reads anew, as the first one of a process does.

`--shape 1024` are vectors, `--shape 309 4096` hidden states, float16 both.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import xxhash
from datasets import Array2D, Array4D, Dataset, Features, List, Value, disable_progress_bars

from emollama_hf import Column, FaceMAEEmbed, extract
from emollama_hf.feature_set import feature_set
from emollama_hf.files import written_file
from emollama_hf.work_store import shard

BLOCK = 2**20


@contextmanager
def _random_numbers(shape: tuple[int, ...]) -> Iterator[None]:
    """`facemae` is numbers of any shape that cost nothing to compute."""
    feature = List(Value("float16"), length=shape[0]) if len(shape) == 1 else Array2D(shape, "float16")

    def compute(stage: FaceMAEEmbed, items: list[np.ndarray]) -> list[dict[str, np.ndarray]]:
        rows = (np.random.default_rng(int(frames[0, 0, 0, 0])).standard_normal(shape, np.float32) for frames in items)
        return [{"facemae": row.astype(np.float16)} for row in rows]

    def outputs(stage: FaceMAEEmbed) -> dict[str, Column]:
        return {"facemae": Column(feature, "random numbers")}

    with (
        mock.patch.object(FaceMAEEmbed, "outputs", outputs),
        mock.patch.object(FaceMAEEmbed, "prepare", lambda stage, row: row["facemae_frames"]),
        mock.patch.object(FaceMAEEmbed, "compute", compute),
    ):
        yield


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=3437)
    parser.add_argument("--shape", type=int, nargs="+", default=[1024])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--megabytes", type=int, default=256, help="size of the file that is hashed")
    options = parser.parse_args()
    disable_progress_bars()
    with tempfile.TemporaryDirectory() as folder, _random_numbers(tuple(options.shape)):
        print(json.dumps({"measure": "hashes, GB/s", **_hashes(Path(folder) / "file", options)}))
        print(json.dumps({"measure": "extract that finds everything", **_runs(Path(folder) / "out", options)}))


def _hashes(path: Path, options: argparse.Namespace) -> dict[str, float]:
    path.write_bytes(os.urandom(options.megabytes * 10**6))
    crc = [0]

    def crc32(block: memoryview) -> None:
        crc[0] = zlib.crc32(block, crc[0])

    updates: dict[str, Callable[[memoryview], Any]] = {
        "read": lambda block: None,
        "xxh3_128": xxhash.xxh3_128().update,
        "crc32": crc32,
        "sha256": hashlib.sha256().update,
    }
    took: dict[str, list[float]] = {name: [] for name in updates}
    for _ in range(options.rounds):
        for name, update in updates.items():
            start = time.perf_counter()
            _feed(path, update)
            took[name].append(time.perf_counter() - start)
    return {name: round(options.megabytes / 1000 / statistics.median(values), 2) for name, values in took.items()}


def _feed(path: Path, update: Callable[[memoryview], Any]) -> None:
    block = bytearray(BLOCK)
    view = memoryview(block)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(block):
            update(view[:count])


def _runs(out: Path, options: argparse.Namespace) -> dict[str, float]:
    frames = np.random.default_rng(0).integers(0, 255, (options.rows, 16, 4, 4, 3), np.uint8)
    features = Features({"facemae_frames": Array4D((16, 4, 4, 3), "uint8"), "label": Value("string")})
    labels = [str(row % 5) for row in range(options.rows)]
    ds = Dataset.from_dict({"facemae_frames": list(frames), "label": labels}, features=features)

    def run() -> float:
        start = time.process_time()
        extract(ds, "random-tiny", stages=["facemae_embed"], out=out)
        return time.process_time() - start

    run()
    took: dict[str, list[float]] = {"checked": [], "unchecked": []}
    for _ in range(options.rounds):
        written_file._intact.clear()
        took["checked"].append(run())
        with _unchecked():
            took["unchecked"].append(run())
    median = {name: statistics.median(values) for name, values in took.items()}
    size = sum(path.stat().st_size for path in out.rglob("*") if path.suffix in (".arrow", ".parquet"))
    return {
        "rows": options.rows,
        "megabytes": round(size / 1e6),
        **{f"{name}_ms": round(1000 * seconds, 1) for name, seconds in median.items()},
        "ratio": round(median["checked"] / median["unchecked"], 3),
    }


@contextmanager
def _unchecked() -> Iterator[None]:
    with (
        mock.patch.object(shard, "is_as_written", return_value=True),
        mock.patch.object(feature_set, "is_as_written", return_value=True),
    ):
        yield


if __name__ == "__main__":
    main()
