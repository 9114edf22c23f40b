"""What the length of a write costs: `python -m benchmarks.write_pieces [--folder .] [--megabytes 128]`.

New files of the folder's file system are written from the same memory, in pieces of one length each, and flushed. One
JSON line a length, in turns of short and long pieces: milliseconds of processor time a MiB, of the write calls and
of the flush. Pieces from 2 MiB on cost more on a virtual machine whose host takes free memory back (free page reporting
of the balloon device), and not in general. POSIX.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np

LENGTHS = (2**18, 2**19, 2**20, 2**21, 2**23, 2**25)
TURNS = 2


def main() -> None:
    """Write each length in turns, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", default=".", help="on the file system that is asked about")
    parser.add_argument("--megabytes", type=int, default=128, help="length of each file, MiB")
    asked = parser.parse_args()
    content = memoryview(np.random.default_rng(1).integers(0, 256, asked.megabytes * 2**20, np.uint8)).cast("B")
    with tempfile.TemporaryDirectory(dir=asked.folder, prefix="write-pieces-") as folder:
        for turn in range(TURNS):
            for length in LENGTHS:
                written, flushed = (
                    round(1000 * seconds / asked.megabytes, 3)
                    for seconds in write(Path(folder) / f"{turn}-{length}", content, length)
                )
                print(json.dumps({"turn": turn, "KiB": length // 1024, "write": written, "flush": flushed}))


def write(path: Path, content: memoryview, length: int) -> tuple[float, float]:
    """Seconds of processor time that it takes to write a file in pieces of so many bytes, and to flush it."""
    with path.open("wb", buffering=0) as file:
        started = time.thread_time()
        for start in range(0, len(content), length):
            file.write(content[start : start + length])
        written = time.thread_time()
        os.fsync(file.fileno())
        return written - started, time.thread_time() - written


if __name__ == "__main__":
    main()
