"""A shard as `extract` writes it against `np.save`, both in memory: a disk that others use moves this by a fifth."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.gating.clock import seconds_in_turns
from benchmarks.gating.ratio import Measurement, Ratio, Round

ROWS, LENGTH, HIDDEN = 4, 309, 4096
#: Shards of a round.
WRITES = 12
#: The file system in memory of Linux, and what it must have room for: shard, `.npy` files and their replacement.
MEMORY = Path("/dev/shm")
NEEDED_BYTES = 3 * 2 * ROWS * LENGTH * HIDDEN

WRITE = Ratio(
    "write",
    "a shard of hidden states, hashed and flushed, to np.save, fsync and sha256 of the same rows, in memory",
    "emollama_hf/work_store/shard.py and arrow_columns.py",
)


@contextmanager
def open_write(folder: Path) -> Iterator[Round]:
    """Where no file system lies in memory, on the disk after all."""
    from benchmarks.hidden_states import noise
    from benchmarks.storage import Files

    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > NEEDED_BYTES
    with tempfile.TemporaryDirectory(prefix="gate-", dir=MEMORY if in_memory else folder) as name:
        files = Files(noise(ROWS, LENGTH, HIDDEN), Path(name), fsync=False)

        def save() -> None:
            files.write_npy(flushed=True)
            for row in files.rows:  # a shard is hashed: without this, a busy memory would slow down one side alone
                hashlib.sha256(row).hexdigest()

        files.write_shard()
        save()

        def remove() -> None:
            for path in (files.shard, files.npy):
                shutil.rmtree(path)  # here, so that it is not timed

        yield lambda: {WRITE.name: seconds_in_turns(files.write_shard, save, times=WRITES, before=remove)}


MEASUREMENTS = (Measurement((WRITE,), open_write),)
