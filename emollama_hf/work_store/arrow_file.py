"""Arrow streams of a shard: written, hashed and flushed as they grow."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from emollama_hf.files.written_file import PassingBytes, WrittenFile

#: Rows of a file are written together once they have so many bytes: vectors by the hundred, while the hidden states or
#: crops of a clip have more, and are written from where they are.
BATCH_BYTES = 1_000_000
#: Bytes that go to the system at a time. For pieces from 2 MB on, Linux 6.18 takes pages of 2 MB; on a virtual machine
#: whose host takes free pages of this size back, a write then takes ten times the processor time
#: (`python -m benchmarks.write_pieces`).
WRITE_BYTES = 2**19
#: Makes an Arrow array of a column's values.
ToArrow = Callable[[Sequence[Any]], pa.Array]


class ArrowFile:
    """An Arrow stream on the disk, as `datasets` maps it into memory."""

    def __init__(self, path: Path, arrow_schema: pa.Schema) -> None:
        self.name = path.name
        self._schema = arrow_schema
        self._file = path.open("wb")
        self._passing = PassingBytes()
        self._stream = pa.ipc.new_stream(pa.PythonFile(self, "w"), arrow_schema)

    def write_batch(self, columns: list[pa.Array]) -> None:
        self._stream.write_batch(pa.record_batch(columns, schema=self._schema))

    # What Arrow asks of a file: hashing on the way spares reading it again.

    closed = False

    def write(self, block: Any) -> int:
        with memoryview(block) as view, view.cast("B") as content:
            for start in range(0, content.nbytes, WRITE_BYTES):
                with content[start : start + WRITE_BYTES] as piece:
                    self._passing.update(piece)
                    self._file.write(piece)
            return content.nbytes

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> WrittenFile:
        """Bring the file to the disk."""
        self._stream.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._passing.written()

    def abandon(self) -> None:
        with contextlib.suppress(OSError):  # what could not be written is not wanted any more
            self._file.close()


class RowFile:
    """Rows as record batches of an Arrow file, of `BATCH_BYTES` or of a single longer row.

    columns: names of those that the file has, and what makes Arrow arrays of their values.
    size_of: bytes that a row takes in this file.
    """

    def __init__(
        self,
        file: ArrowFile,
        columns: dict[str, ToArrow],
        size_of: Callable[[dict[str, Any]], int],
    ) -> None:
        self.file = file
        self.rows = 0  # that were written
        self._columns, self._size_of = columns, size_of
        self._waiting: list[dict[str, Any]] = []
        self._waiting_bytes = 0

    def add(self, row: dict[str, Any]) -> int:
        """Append a row, of which the file's own columns count. Returns their size in bytes."""
        size, own = self._size_of(row), {name: row[name] for name in self._columns}
        if size >= BATCH_BYTES:
            self._write()
            self._waiting.append(own)
        else:  # as a copy: what came from a reader may be a few numbers in the mapped memory of all its crops
            self._waiting.append({name: _copied(value) for name, value in own.items()})
        self._waiting_bytes += size
        if self._waiting_bytes >= BATCH_BYTES:
            self._write()
        return size

    def close(self) -> WrittenFile:
        """Bring all rows to the disk."""
        self._write()
        return self.file.close()

    def _write(self) -> None:
        if self._waiting:
            values = {name: [row[name] for row in self._waiting] for name in self._columns}
            self.file.write_batch([column(values[name]) for name, column in self._columns.items()])
            self.rows += len(self._waiting)
            self._waiting, self._waiting_bytes = [], 0  # not after an error: `close` has to fail as well


def _copied(value: Any) -> Any:
    """A value of a row, or a cell of pictures, in memory of its own."""
    if isinstance(value, dict):
        return {name: _copied(part) for name, part in value.items()}
    if isinstance(value, np.ndarray):
        return value.copy()
    return bytes(value) if isinstance(value, memoryview | pa.Buffer) else value
