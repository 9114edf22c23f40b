"""What the rows of a feature data set take in Parquet, found out by writing a few of them."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from emollama_hf.feature_set.feature_rows import FeatureRows
from emollama_hf.feature_set.feature_set import write_feature_file
from emollama_hf.work_store.work_store import make_root, words_for_people


@dataclass(frozen=True)
class RowCost:
    """Of each row of a set: bytes of its Parquet files, and seconds to write it."""

    nbytes: float
    seconds: float


def row_cost(rows: FeatureRows, work: Path) -> RowCost:
    """Write rows as a run does at its end, measure the file and remove it.

    Args:
        rows: some rows of a set, at least one.
        work: the root of its work store, on the disk that the set will be on.

    Raises:
        StoreError: the disk is full or cannot be written to.
    """
    count = len(rows)
    halves = [range(count // 2), range(count // 2, count)]
    make_root(work)
    with words_for_people(work), FileLock(work / "folder.lock"):
        folder = work / "folder"  # as `write_feature_set`, which removes what a killed process leaves there
        shutil.rmtree(folder, ignore_errors=True)
        try:
            folder.mkdir()
            started = time.monotonic()
            whole = _file_bytes(rows, range(count), folder)
            seconds = time.monotonic() - started
            # What a file has once is in both halves, and once in the whole.
            apart = sum(_file_bytes(rows, half, folder) for half in halves)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return RowCost(max(0, 2 * whole - apart) / count, seconds / count)


def _file_bytes(rows: FeatureRows, span: range, folder: Path) -> int:
    path = folder / f"{span.start}-{span.stop}.parquet"
    return write_feature_file(path, rows.rows([span] if span else []), rows.all_features, "").bytes
