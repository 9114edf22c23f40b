"""What a push costs: `python -m benchmarks.share` prints one JSON line a measurement.

A set of hidden states of the real size is pushed to a directory on the same disk: once whole, once more with nothing
new, and once with a tenth of new rows. `ratio` is the time relative to `cp` of the same Parquet files, both flushed to
the disk, in turns; memory is the largest resident set of a process that does nothing else, less what it has after its
imports. Rows are gone through twice, to compare them and to write them, and every file is looked at before it is sent.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import multiprocessing.connection
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from datasets import Array2D, Features, Value

from emollama_hf.feature_set.feature_rows import FeatureRows
from emollama_hf.feature_set.feature_set import rows_a_file, write_feature_set
from emollama_hf.work_store.arrow_columns import to_arrow


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--length", type=int, default=309)
    parser.add_argument("--hidden", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", default=None, help="where to write; by default the temporary directory")
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {}
    memory: dict[str, float] = {}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        root = Path(folder)
        os.environ["HF_HOME"] = str(root / "home")
        for name, count in (("most", options.rows * 9 // 10), ("all", options.rows)):
            write(root / name, count, options.length, options.hidden)
        for _ in range(options.rounds):
            seconds.setdefault("cp", []).append(copied(root / "all" / "data", root / "copy"))
            for what, source, target, keep in (
                ("new", "all", "place", True), ("nothing new", "all", "place", False), ("most", "most", "grown", True),
                ("a tenth new", "all", "grown", False),
            ):  # fmt: skip
                spent, peak = pushed(root / source, root / target)
                seconds.setdefault(what, []).append(spent)
                memory[what] = max(memory.get(what, 0), peak)
                if not keep:
                    shutil.rmtree(root / target)
    base = statistics.median(seconds["cp"])
    for what, times in seconds.items():
        spent = statistics.median(times)
        line = {"what": what, "rows": options.rows, "seconds": round(spent, 2), "ratio": round(spent / base, 2)}
        print(json.dumps({**line, **({"memory_mb": round(memory[what])} if what in memory else {})}), flush=True)


def write(out: Path, count: int, length: int, hidden: int) -> None:
    """A directory of features as `extract` leaves it."""
    features = Features(
        {"uuid": Value("string"), "emollama": Array2D((length, hidden), "float16"), "emollama_status": Value("string")}
    )

    def tables(ranges: Iterator[range]) -> Iterator[pa.Table]:
        for rows in ranges:
            states = [
                np.random.default_rng(row).standard_normal((length, hidden), np.float32).astype(np.float16)
                for row in rows
            ]
            columns = [pa.array([f"u{row}" for row in rows]), to_arrow("emollama", states, features["emollama"]),
                       pa.array(["ok"] * len(rows))]  # fmt: skip
            yield pa.table(columns, schema=features.arrow_schema)

    names = [f"u{row}" for row in range(count)]
    rows = FeatureRows(None, features, names, [[name] for name in names], (), tables)
    write_feature_set(rows, out, out.with_name(f"{out.name}-work"), {}, rows_a_file(features))


def copied(source: Path, target: Path) -> float:
    shutil.rmtree(target, ignore_errors=True)
    started = time.perf_counter()
    subprocess.run(["cp", "-r", str(source), str(target)], check=True)
    subprocess.run(["sync", "-f", str(target)], check=True)
    return time.perf_counter() - started


def pushed(source: Path, target: Path) -> tuple[float, float]:
    """Seconds, and MB beyond what the imports take, in a process of its own."""
    receive, send = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("spawn").Process(target=_push, args=(source, target, send))
    child.start()
    spent, peak = receive.recv()
    child.join()
    return spent, peak


def _push(source: Path, target: Path, send: multiprocessing.connection.Connection) -> None:
    from emollama_hf.sharing.push import push

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    push(source, target)
    spent = time.perf_counter() - started
    send.send((spent, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1000))


if __name__ == "__main__":
    main()
