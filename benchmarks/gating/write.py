"""A shard as `extract` writes it against `np.save`."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.gating.clock import seconds_in_turns
from benchmarks.gating.ratio import Measurement, Ratio, Round

ROWS, LENGTH, HIDDEN = 16, 309, 4096
#: Pairs of writes whose times add up to those of a round.
WRITES = 3

WRITE = Ratio(
    "write",
    "processor time of a shard of hidden states, hashed and on the disk, to np.save and fsync of the same rows",
    "emollama_hf/store/shard.py and arrow_columns.py",
)


@contextmanager
def open_write(folder: Path) -> Iterator[Round]:
    """Both flush to the disk. Their waiting for it is not counted: a shared disk moves the ratio by a fifth."""
    from benchmarks.hidden_states import noise
    from benchmarks.storage import Files

    files = Files(noise(ROWS, LENGTH, HIDDEN), folder, fsync=False)
    save = partial(files.write_npy, flushed=True)
    files.write_shard()
    save()

    def remove() -> None:
        for path in (files.shard, files.npy):
            shutil.rmtree(path)  # here, so that it is not timed

    yield lambda: {
        WRITE.name: seconds_in_turns(files.write_shard, save, times=WRITES, clock=time.process_time, before=remove)
    }


MEASUREMENTS = (Measurement((WRITE,), open_write),)
