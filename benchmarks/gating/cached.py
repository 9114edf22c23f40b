"""Runs that find everything in a cache: `extract` in its work store, and `map` in the cache of `datasets`."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.gating.clock import seconds_in_turns
from benchmarks.gating.ratio import Measurement, Ratio, Round

MODEL = "random-tiny"
#: Repetitions within a round. A run of `extract` is compared with some readings, which take about as long.
CLIPS, RUNS, READINGS = 32, 8, 8
ROWS, MAPS = 64, 40

CACHED = Ratio(
    "cached",
    "processor time of an extract that finds all clips computed to reading and hashing the clips and their features "
    f"{READINGS} times",
    "emollama_hf/planning/, emollama_hf/work_store/ and emollama_hf/files/digest.py",
)
CACHED_MAP = Ratio(
    "cached-map",
    "a map of emollama_embed that finds all rows in the cache of datasets to the same of a plain function",
    "emollama_hf/stages/transform.py and emollama_hf/stages/stage.py",
)


@contextmanager
def open_cached(folder: Path) -> Iterator[Round]:
    """Clips that were extracted once. In one process, so that clips of this size are hashed in the first run only."""
    from datasets import Dataset

    from emollama_hf import extract

    paths, out = _clips(folder), folder / "out"
    ds = Dataset.from_dict({"video": [str(path) for path in paths]})
    run = partial(extract, ds, MODEL, out=out, faces="none", peak="middle")
    run()
    read = partial(_read, paths, out)
    # Processor time, since what is written waits for the disk.
    yield lambda: {CACHED.name: seconds_in_turns(run, read, times=RUNS, clock=time.process_time)}


def _clips(folder: Path) -> list[Path]:
    from tests import videos

    content = videos.write_video(folder / "clip.mp4", videos.pan(16, size=(64, 64))).read_bytes()
    paths = [folder / f"{number}.mp4" for number in range(CLIPS)]
    for number, path in enumerate(paths):
        # A box that players skip makes each file's content its own.
        path.write_bytes(content + (16).to_bytes(4, "big") + b"free" + number.to_bytes(8, "big"))
    return paths


def _read(paths: list[Path], out: Path) -> None:
    import pyarrow.parquet as pq

    for _ in range(READINGS):
        for path in paths:
            hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (out / "data").glob("*.parquet"):
            pq.read_table(path)


@contextmanager
def open_cached_map(folder: Path) -> Iterator[Round]:
    """Rows with a picture and both vectors, mapped once by each."""
    from datasets import load_from_disk

    from benchmarks.map_cache import made_rows
    from emollama_hf import EmoLlamaEmbed

    made_rows(ROWS).save_to_disk(str(folder / "rows"))
    rows = load_from_disk(str(folder / "rows"))
    ours = partial(rows.map, EmoLlamaEmbed(MODEL), batched=True)
    plain = partial(rows.map, _index, batched=True, with_indices=True)
    ours()
    plain()
    yield lambda: {CACHED_MAP.name: seconds_in_turns(ours, plain, times=MAPS)}


def _index(batch: dict[str, Any], indices: list[int]) -> dict[str, Any]:
    return {"index": indices}


MEASUREMENTS = (Measurement((CACHED,), open_cached), Measurement((CACHED_MAP,), open_cached_map))
