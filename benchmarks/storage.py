"""Hidden states on disk against one `.npy` a clip: `python -m benchmarks.storage` prints one JSON line a measurement.

`ratio` is the speed relative to numpy, on the same rows in the same run: 1 is as fast, 0.5 takes twice as long. Rows
are compared with `np.save` or `np.load`, batches with `np.stack` of what `np.load` gives. All measurements take turns,
and each line is the median of its rounds. A byte of every page of what is read is touched, so that nothing stays unread
in a mapped file; then the row is dropped, as in training, or with `--keep` all rows are held to the end, so that every
copy needs new memory. Every file is new when it is written, every data set is opened anew. The files are in the page
cache; with `--fsync` all of them are flushed to the disk on both sides.

torch has one thread, as in a worker of its DataLoader: a second one waits for a core that others use.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from datasets import Array2D, Dataset, Features, disable_progress_bars, load_dataset

from benchmarks.hidden_states import hidden_states, noise
from emollama_hf.store.arrow_columns import to_arrow
from emollama_hf.store.parquet_file import write_parquet

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
    torch.set_num_threads(1)
    make = noise if options.noise else hidden_states
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        storage = Storage(make(options.rows, options.length, options.hidden), Path(name), options)
        measures = storage.measures()
        seconds: dict[str, list[float]] = {measure: [] for measure in measures}
        for _ in range(options.rounds):
            for measure, run in measures.items():
                seconds[measure].append(run())
        took = {measure: statistics.median(values) for measure, values in seconds.items()}
        sizes = storage.sizes()
    for measure, value in took.items():
        base = base_of(measure)
        line: dict[str, Any] = {"measure": measure, "seconds": round(value, 4), "ratio": round(took[base] / value, 2)}
        if measure.startswith("arrow"):
            line["goal"] = WRITE_GOAL if base == "np.save" else READ_GOAL
        if "float32" in measure and base != measure:
            line["ratio_to_float32"] = round(took[f"{base}, as float32"] / value, 2)
        print(json.dumps({**line, "base": base}))
    print(json.dumps({"measure": "bytes", **sizes}))


def base_of(measure: str) -> str:
    """What numpy does instead of this measurement."""
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


class Storage:
    """The same rows as `.npy` files, as an Arrow file and as a Parquet file."""

    def __init__(self, states: np.ndarray, folder: Path, options: argparse.Namespace) -> None:
        self.rows = list(states)
        self.features = Features({COLUMN: Array2D(states.shape[1:], "float16")})
        self.npy, self.arrow, self.parquet = folder / "npy", folder / "states.arrow", folder / "states.parquet"
        self.cache, self.mapped = folder / "cache", folder / "map.arrow"
        self.fsync, self.keep = options.fsync, options.keep
        self.kept: list[np.ndarray] = []

    def measures(self) -> dict[str, Callable[[], float]]:
        """Each measurement by its name; a call returns seconds. Those that write come before those that read."""
        formats: dict[str, tuple[str, dict[str, Any]]] = {
            "numpy float16": ("numpy", {"dtype": np.float16}),
            "numpy default (float32)": ("numpy", {}),
            "torch float16": ("torch", {"dtype": torch.float16}),
            "torch default (float32)": ("torch", {}),
        }
        reads: dict[str, Callable[[], float]] = {}
        for label, (kind, options) in formats.items():
            reads[f"arrow read, {label}, row by row"] = self._arrow_reader(kind, options, batched=False)
            reads[f"arrow read, {label}, batches of {BATCH}"] = self._arrow_reader(kind, options, batched=True)
        return {
            "np.save": self.write_npy,
            "arrow write": self.write_arrow,
            "parquet write": self.write_parquet,
            "Dataset.map write": self.write_with_map,
            "np.load": self._npy_reader(np.float16, batched=False),
            "np.load, as float32": self._npy_reader(np.float32, batched=False),
            f"np.load, batches of {BATCH}": self._npy_reader(np.float16, batched=True),
            f"np.load, batches of {BATCH}, as float32": self._npy_reader(np.float32, batched=True),
            **reads,
            "parquet load_dataset": self.load_parquet,
        }

    def write_npy(self) -> float:
        shutil.rmtree(self.npy, ignore_errors=True)
        start = time.perf_counter()
        self.npy.mkdir()
        for index, row in enumerate(self.rows):
            np.save(self.npy / f"{index:06d}.npy", row)
        self._flush(self.npy.iterdir())
        return time.perf_counter() - start

    def write_arrow(self) -> float:
        self.arrow.unlink(missing_ok=True)
        start = time.perf_counter()
        with pa.OSFile(str(self.arrow), "wb") as file, pa.ipc.new_stream(file, self.features.arrow_schema) as writer:
            for table in self._tables():
                writer.write_table(table)
        self._flush([self.arrow])
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

    def _npy_reader(self, kind: type, *, batched: bool) -> Callable[[], float]:
        def read() -> None:
            paths = sorted(self.npy.iterdir())
            if batched:
                for first in range(0, len(paths), BATCH):
                    rows = [np.load(path) for path in paths[first : first + BATCH]]
                    self._take(np.stack(rows, dtype=kind, casting="same_kind"))
            else:
                for path in paths:
                    self._take(np.load(path).astype(kind, copy=False))

        return lambda: self._timed(read)

    def _arrow_reader(self, kind: str, options: dict[str, Any], *, batched: bool) -> Callable[[], float]:
        def read() -> None:
            ds = Dataset.from_file(str(self.arrow)).with_format(kind, **options)
            for rows in ds.iter(BATCH) if batched else ds:
                self._take(np.asarray(rows[COLUMN]))

        return lambda: self._timed(read)

    def _timed(self, read: Callable[[], None]) -> float:
        start = time.perf_counter()
        read()
        seconds = time.perf_counter() - start
        self.kept.clear()
        return seconds

    def _take(self, array: np.ndarray) -> None:
        """Read a byte of every page. A tensor on the CPU comes as a view of its memory."""
        array.reshape(-1).view(np.uint8)[::PAGE_BYTES].max()
        if self.keep:
            self.kept.append(array)

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

    def _flush(self, paths: Iterable[Path]) -> None:
        if self.fsync:
            for path in paths:
                with path.open("rb") as file:
                    os.fsync(file.fileno())


if __name__ == "__main__":
    main()
