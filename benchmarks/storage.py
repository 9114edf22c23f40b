"""Hidden states on disk against one `.npy` a clip: `python -m benchmarks.storage` prints one JSON line a measurement.

`ratio` is the speed relative to numpy, on the same rows in the same run: 1 is as fast, 0.5 takes twice as long. Rows
are compared with `np.save` or `np.load`, batches with `np.stack` of what `np.load` gives. All measurements take turns,
and each line is the median of its rounds. A byte of every page of what is read is touched, so that nothing stays unread
in a mapped file. Then the row is dropped, and its memory used again for the next one; or, with `--keep`, all rows are
held to the end, and each needs new memory. Every way of reading has a process of its own, since memory that another one
freed makes it look fast, and has read once before it is measured. Every file is new when it is written, every data set
is opened anew. The files are in the page cache; with `--fsync` all of them are flushed to the disk on both sides.

torch has one thread, as in a worker of its DataLoader: a second one waits for a core that others use.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from datasets import Array2D, Dataset, Features, disable_progress_bars, load_dataset

from benchmarks.hidden_states import hidden_states, noise
from emollama_hf.feature_set.parquet_file import write_parquet
from emollama_hf.work_store.arrow_columns import to_arrow
from emollama_hf.work_store.shard import ShardWriter

#: Rows that are written or read together.
BATCH = 16
COLUMN = "emollama"
PAGE_BYTES = 4096
#: Smallest ratio that is good enough, for what the package writes and for what `datasets` reads.
WRITE_GOAL, READ_GOAL = 0.25, 0.5


def main() -> None:
    """Measure everything in turns and print it."""
    options = parse_options()
    disable_progress_bars()
    make = noise if options.noise else hidden_states
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=options.folder)))
        files = Files(make(options.rows, options.length, options.hidden), folder, fsync=options.fsync)
        measures = files.writers()
        for run in measures.values():
            run()
        for measure, reader in readers(files.npy, files.arrow, keep=options.keep).items():
            spawn = multiprocessing.get_context("spawn")
            process = stack.enter_context(ProcessPoolExecutor(1, spawn, torch.set_num_threads, (1,)))
            process.submit(reader).result()
            measures[measure] = lambda process=process, reader=reader: process.submit(reader).result()
        measures["parquet load_dataset"] = files.load_parquet
        seconds: dict[str, list[float]] = {measure: [] for measure in measures}
        for _ in range(options.rounds):
            for measure in sorted(measures, key=lambda name: "read" not in name and "np.load" not in name):
                seconds[measure].append(measures[measure]())
        took = {measure: statistics.median(values) for measure, values in seconds.items()}
        sizes = files.sizes()
    for measure, value in took.items():
        base = base_of(measure)
        line: dict[str, Any] = {"measure": measure, "seconds": round(value, 4), "ratio": round(took[base] / value, 2)}
        if measure.startswith(("arrow", "shard")):
            line["goal"] = WRITE_GOAL if base.startswith("np.save") else READ_GOAL
        if "float32" in measure and base != measure:
            line["ratio_to_float32"] = round(took[f"{base}, as float32"] / value, 2)
        print(json.dumps({**line, "base": base}))
    print(json.dumps({"measure": "bytes", **sizes}))


def base_of(measure: str) -> str:
    """What numpy does instead of this measurement."""
    if "flushed" in measure:
        return "np.save, flushed"
    if "write" in measure or measure == "np.save":
        return "np.save"
    return f"np.load, batches of {BATCH}" if "batches" in measure else "np.load"


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--length", type=int, default=309)
    parser.add_argument("--hidden", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--noise", action="store_true", help="random bits instead of hidden states")
    parser.add_argument("--keep", action="store_true", help="hold all rows that are read to the end")
    parser.add_argument("--fsync", action="store_true", help="flush every written file to the disk")
    parser.add_argument("--folder", help="where to write; by default the folder for temporary files")
    return parser.parse_args()


@dataclass(frozen=True)
class Reader:
    """Reading all rows once, in a process of its own; a call returns seconds."""

    path: Path
    batched: bool
    keep: bool
    dtype: str | None = "float16"
    #: A format of `datasets`, or None for `np.load`.
    format: str | None = None

    def __call__(self) -> float:
        kept = []
        start = time.perf_counter()
        for array in self.arrays():
            # A byte of every page.
            array.reshape(-1).view(np.uint8)[::PAGE_BYTES].max()
            if self.keep:
                kept.append(array)
        return time.perf_counter() - start

    def arrays(self) -> Iterable[np.ndarray]:
        """Rows or batches; a tensor comes as a view of its memory."""
        if self.format is None:
            paths = sorted(self.path.iterdir())
            if not self.batched:
                return (np.load(path).astype(self.dtype, copy=False) for path in paths)
            batches = (paths[first : first + BATCH] for first in range(0, len(paths), BATCH))
            return (np.stack([np.load(path) for path in batch], dtype=self.dtype) for batch in batches)
        library = {"numpy": np, "torch": torch}[self.format]
        options = {} if self.dtype is None else {"dtype": getattr(library, self.dtype)}
        ds = Dataset.from_file(str(self.path)).with_format(self.format, **options)
        return (np.asarray(rows[COLUMN]) for rows in (ds.iter(BATCH) if self.batched else ds))


def readers(npy: Path, arrow: Path, *, keep: bool) -> dict[str, Reader]:
    """Each way of reading by its name."""
    found = {}
    for batched, how in ((False, ""), (True, f", batches of {BATCH}")):
        found[f"np.load{how}"] = Reader(npy, batched, keep)
        found[f"np.load{how}, as float32"] = Reader(npy, batched, keep, "float32")
        for kind in ("numpy", "torch"):
            found[f"arrow read, {kind} float16{how}"] = Reader(arrow, batched, keep, "float16", kind)
            found[f"arrow read, {kind} default (float32){how}"] = Reader(arrow, batched, keep, None, kind)
    return found


class Files:
    """The same rows as `.npy` files, as an Arrow file and as a Parquet file."""

    def __init__(self, states: np.ndarray, folder: Path, *, fsync: bool) -> None:
        self.rows = list(states)
        self.features = Features({COLUMN: Array2D(states.shape[1:], "float16")})
        self.npy, self.arrow, self.parquet = folder / "npy", folder / "states.arrow", folder / "states.parquet"
        self.cache, self.mapped, self.shard = folder / "cache", folder / "map.arrow", folder / "shard"
        self.fsync = fsync

    def writers(self) -> dict[str, Callable[[], float]]:
        """Each way of writing by its name; a call returns seconds."""
        return {
            "np.save": self.write_npy,
            "arrow write": self.write_arrow,
            "np.save, flushed": lambda: self.write_npy(flushed=True),
            "shard write, flushed": self.write_shard,
            "parquet write": self.write_parquet,
            "Dataset.map write": self.write_with_map,
        }

    def write_npy(self, *, flushed: bool = False) -> float:
        shutil.rmtree(self.npy, ignore_errors=True)
        start = time.perf_counter()
        self.npy.mkdir()
        for index, row in enumerate(self.rows):
            np.save(self.npy / f"{index:06d}.npy", row)
        self._flush(self.npy.iterdir(), flushed=flushed)
        return time.perf_counter() - start

    def write_arrow(self) -> float:
        self.arrow.unlink(missing_ok=True)
        start = time.perf_counter()
        with pa.OSFile(str(self.arrow), "wb") as file, pa.ipc.new_stream(file, self.features.arrow_schema) as writer:
            for table in self._tables():
                writer.write_table(table)
        self._flush([self.arrow])
        return time.perf_counter() - start

    def write_shard(self) -> float:
        """What `extract` does: rows one by one, hashed on the way, a manifest, and all of it on the disk."""
        shutil.rmtree(self.shard, ignore_errors=True)
        start = time.perf_counter()
        self.shard.mkdir()
        shard = ShardWriter(self.shard, {})
        for index, row in enumerate(self.rows):
            shard.add("emollama_embed", self.features, str(index), {COLUMN: row})
        shard.close()
        return time.perf_counter() - start

    def write_parquet(self) -> float:
        self.parquet.unlink(missing_ok=True)
        start = time.perf_counter()
        write_parquet(self.parquet, self._tables(), self.features)
        self._flush([self.parquet])
        return time.perf_counter() - start

    def write_with_map(self) -> float:
        """What a plain `ds.map(transform, features=...)` writes: no goal, it goes through the writer of `datasets`."""
        self.mapped.unlink(missing_ok=True)
        numbers = Dataset.from_dict({"index": list(range(len(self.rows)))})
        start = time.perf_counter()
        numbers.map(
            lambda batch: {COLUMN: np.stack([self.rows[index] for index in batch["index"]])},
            batched=True,
            batch_size=BATCH,
            remove_columns=["index"],
            features=self.features,
            cache_file_name=str(self.mapped),
            load_from_cache_file=False,
        )
        self._flush([self.mapped])
        return time.perf_counter() - start

    def load_parquet(self) -> float:
        """The first opening, which makes the Arrow file that later ones map."""
        shutil.rmtree(self.cache, ignore_errors=True)
        start = time.perf_counter()
        load_dataset("parquet", data_files=str(self.parquet), split="train", cache_dir=str(self.cache))
        return time.perf_counter() - start

    def sizes(self) -> dict[str, float]:
        """Bytes of the numbers, and the size of each form relative to them."""
        raw = sum(row.nbytes for row in self.rows)
        return {
            "raw": raw,
            "npy": round(sum(path.stat().st_size for path in self.npy.iterdir()) / raw, 3),
            "arrow": round(self.arrow.stat().st_size / raw, 3),
            "parquet": round(self.parquet.stat().st_size / raw, 3),
        }

    def _tables(self) -> Iterable[pa.Table]:
        for start in range(0, len(self.rows), BATCH):
            column = to_arrow(COLUMN, self.rows[start : start + BATCH], self.features[COLUMN])
            yield pa.table([column], schema=self.features.arrow_schema)

    def _flush(self, paths: Iterable[Path], *, flushed: bool = False) -> None:
        if self.fsync or flushed:
            for path in paths:
                with path.open("rb") as file:
                    os.fsync(file.fileno())


if __name__ == "__main__":
    main()
