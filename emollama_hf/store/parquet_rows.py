"""The rows of a feature data set, read from its Parquet files where they are, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features


class ParquetRows:
    """The columns that are asked for, and no others, in the order of the files.

    Opened with `load_dataset`, all of it would be copied into the cache of `datasets` first. Streamed with it, threads
    of pyarrow can outlive the interpreter, and the process aborts when it ends
    (tests/store/test_parquet_rows.py::test_no_thread_is_started).

    directory: as `write_feature_set` wrote it. Raises ValueError if it holds no Parquet files.
    """

    def __init__(self, directory: Path) -> None:
        self._paths = sorted((directory / "data").glob("*.parquet"))
        if not self._paths:
            raise ValueError(f"{directory}: data/ holds no Parquet files. Extract it again.")
        self.features: Features = Features.from_arrow_schema(pq.read_schema(self._paths[0]))
        self.column_names = list(self.features)

    def tables(self, columns: Sequence[str], size: int) -> Iterator[pa.Table]:
        """All rows of some columns, at most `size` rows at a time."""
        for path in self._paths:
            with pq.ParquetFile(path, pre_buffer=False) as file:
                for batch in file.iter_batches(size, columns=list(columns), use_threads=False):
                    yield pa.Table.from_batches([batch])
