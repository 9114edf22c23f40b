"""Reading single rows and runs of rows out of the shards, with few files open at a time.

Shards are mapped into memory and let go again: what stays mapped counts as memory of this process, and a run over
thousands of clips reads all of them.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import pyarrow as pa

from emollama_hf import schema
from emollama_hf.rows import Rows
from emollama_hf.work_store.media_cells import from_cell
from emollama_hf.work_store.work_store import Stored

OPEN_FILES = 4
#: Rows that are read before they are let go: each may lie in another file, and keeps it mapped.
MOST_ROWS = 256


class StoredRows:
    """Values of rows that a `WorkStore` has found."""

    def __init__(self) -> None:
        self._open: OrderedDict[Path, pa.Table] = OrderedDict()

    def value(self, stored: Stored, stage: str, column: str, feature: Any) -> Any:
        """One value as `Rows` gives it; None for a picture that is no longer there."""
        if not schema.is_picture(feature):
            return Rows.from_batch(self._table(stored.shard.file(stage))).value(column, stored.at)
        path = stored.shard.pictures_file(stage)
        return None if path is None else from_cell(self._table(path).column(column)[stored.at].as_py())

    def rows(self, stored: Stored, stage: str, count: int) -> pa.Table:
        """The numbers of `count` rows from `stored` on."""
        return self._table(stored.shard.file(stage)).slice(stored.at, count)

    def close(self) -> None:
        """Let go of all files."""
        self._open.clear()

    def _table(self, path: Path) -> pa.Table:
        if path not in self._open:
            while len(self._open) >= OPEN_FILES:
                self._open.popitem(last=False)
            with pa.memory_map(str(path)) as file:
                self._open[path] = pa.ipc.open_stream(file).read_all()
        self._open.move_to_end(path)
        return self._open[path]
