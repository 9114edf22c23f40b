"""Which clips stand for all of a data set: evenly over the clips in the order of their file sizes.

The first clips of a folder are often of one person or one day, and a few long ones take much of the time. Of n parts of
equal numbers of clips, short files first, the middle clip of each is computed; the choice draws nothing at random.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset

from emollama_hf.frames.source import is_url, local_path
from emollama_hf.planning.content import PLACES
from emollama_hf.rows import Rows

READ_ROWS = 1000
#: A cell of fewer bytes may be a path; the bytes of a larger one are the clip itself.
LONGEST_PATH = 20_000


@dataclass(frozen=True)
class Part:
    """Clips of similar sizes, one of which is computed for all of them.

    Attributes:
        row: position of the chosen clip in the data set.
        clips: how many the part has, with the chosen one.
        clip_bytes: size of the chosen clip; None if sizes are unknown.
        part_bytes: size of all of its clips; None if sizes are unknown.
    """

    row: int
    clips: int
    clip_bytes: int | None
    part_bytes: int | None


def choose_parts(rows: Sequence[int], sizes: Sequence[int | None], count: int) -> list[Part]:
    """Divide clips into parts of similar sizes, and choose one of each.

    Args:
        rows: positions of the clips in the data set.
        sizes: their bytes; None where that is unknown. Unless all are known, the order is that of the rows.
        count: how many to choose, at least 1; all of them if there are not so many.

    Returns:
        The parts, small files first.

    Example:
        >>> [part.row for part in choose_parts([0, 1, 2, 3], [40, 10, 30, 20], 2)]
        [1, 0]
    """
    known = all(size is not None for size in sizes)
    ordered = sorted(zip(sizes, rows, strict=True), key=lambda one: (one[0] or 0, one[1]) if known else (0, one[1]))
    count = min(count, len(ordered))
    parts = []
    for index in range(count):
        piece = ordered[index * len(ordered) // count : (index + 1) * len(ordered) // count]
        # Of two in the middle the smaller and the larger in turn, else the choice would be of large ones.
        size, row = piece[(len(piece) - 1 + index % 2) // 2]
        total = sum(size for size, _ in piece if size is not None) if known else None
        parts.append(Part(row, len(piece), size if known else None, total))
    return parts


def clip_sizes(ds: Dataset, columns: Sequence[str], rows: Sequence[int]) -> list[int | None]:
    """Bytes of what a run reads of some rows: of files where a column names them, of the values otherwise.

    Args:
        ds: the data set, its videos undecoded.
        columns: those that the stages read.
        rows: positions.

    Returns:
        A size for each row; None for one that is on a server, whose size nobody has asked for, or cannot be read.
    """
    view = ds.select_columns(list(columns)).with_format("arrow")
    sizes: list[int | None] = []
    for start in range(0, len(rows), READ_ROWS):
        table = view[list(rows[start : start + READ_ROWS])]
        for index in range(table.num_rows):
            sizes.append(_added(_cell_bytes(table, name, index) for name in columns))
    return sizes


def _cell_bytes(table: pa.Table, name: str, index: int) -> int | None:
    cell = table.select([name]).slice(index, 1)
    if name not in PLACES or cell.nbytes > LONGEST_PATH:
        return int(cell.nbytes)
    try:
        return _media_bytes(Rows.from_batch(cell).value(name, 0))
    except OSError:
        return None


def _media_bytes(value: Any) -> int | None:
    if isinstance(value, Mapping):
        value = value.get("path") if value.get("bytes") is None else value["bytes"]
    if isinstance(value, bytes | bytearray | memoryview):
        return len(value)
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, list | tuple):
        return _added(_media_bytes(one) for one in value)
    if is_url(value):
        return None
    path = local_path(value) if value else None
    if path is None:
        return 0
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        return sum(entry.stat().st_size for entry in os.scandir(path) if entry.is_file())
    return found.st_size


def _added(sizes: Any) -> int | None:
    found = list(sizes)
    return None if any(size is None for size in found) else sum(found)
