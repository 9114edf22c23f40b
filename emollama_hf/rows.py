"""A batch as `datasets.map` hands it over, read row by row without decoding what nobody asked for.

`map` gives a lazy batch over an Arrow table. Reading it the usual way would decode a `Video` column (which
needs torchcodec) and turn a stack of pictures into millions of Python integers, so columns are taken from the
table itself. A plain dict of lists, as in streaming or in a direct call, is read as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from emollama_hf import schema
from emollama_hf.text.secrets import without_secrets


class Rows:
    """Columns of equal length; `row(i)` reads one row, `add` puts a computed column in.

    Args:
        columns: values by name.
        length: number of rows.
        positions: of the rows, for messages; by default 0, 1, ...
        within: what the positions count in: the "batch" of a call, or the "data set".
    """

    def __init__(
        self, columns: dict[str, Any], length: int, *, positions: Sequence[int] | None = None, within: str = "batch"
    ) -> None:
        self._columns = columns
        self.length = length
        self._positions = range(length) if positions is None else positions
        self._within = within

    @classmethod
    def from_batch(cls, batch: Mapping[str, Any] | pa.Table) -> Rows:
        """Rows of a batch: a lazy batch of `datasets`, or any mapping of columns.

        Raises TypeError for a single row, that is for `map` without batched=True, and ValueError for columns
        of different lengths.
        """
        if type(batch).__name__ == "LazyRow":  # what map hands over without batched=True
            raise TypeError("a transform takes a batch, and got a single row. Use ds.map(transform, batched=True).")
        if isinstance(batch, pa.Table):  # ds.with_format("arrow")
            return cls({name: batch.column(name) for name in batch.column_names}, batch.num_rows)
        table = getattr(batch, "pa_table", None)
        if isinstance(table, pa.Table):
            # Keys may have been added or replaced in Python before the batch got here: those win.
            pending = getattr(batch, "keys_to_format", set(table.column_names))
            columns = {
                name: table.column(name) if name in pending and name in table.column_names else batch[name]
                for name in batch
            }
            return cls(columns, table.num_rows)
        if not isinstance(batch, Mapping):
            raise TypeError(
                f"a transform takes a batch, a dict of columns; got {type(batch).__name__}. "
                'Use ds.map(transform, batched=True), or call transform({"video": [path, ...]}).'
            )
        lengths = {name: _length(name, values) for name, values in batch.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"the columns of a batch differ in length: {lengths}")
        return cls(dict(batch), next(iter(lengths.values()), 0))

    def __reduce__(self) -> tuple[Any, ...]:
        # A slice of an Arrow column pickles as the whole column; as a stream it is as long as it looks.
        arrow = {name: values for name, values in self._columns.items() if isinstance(values, pa.ChunkedArray)}
        sink = pa.BufferOutputStream()
        table = pa.table(arrow)
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        columns = {**self._columns, **dict.fromkeys(arrow)}
        return _unpickled, (sink.getvalue().to_pybytes(), columns, self.length, self._positions, self._within)

    @property
    def names(self) -> list[str]:
        return list(self._columns)

    def __contains__(self, name: str) -> bool:
        return name in self._columns

    def row(self, index: int) -> Row:
        return Row(self, index)

    def value(self, name: str, index: int) -> Any:
        """One value; None where the column is absent or null."""
        values = self._columns.get(name)
        if values is None:
            return None
        if isinstance(values, pa.ChunkedArray | pa.Array):
            return _from_arrow(values.slice(index, 1))
        return values[index]

    def values(self, name: str) -> list[Any]:
        """All values of a column, each as `value` gives it; of vectors of one length without a step for each."""
        column = self._columns.get(name)
        if isinstance(column, pa.ChunkedArray | pa.Array):
            array = _storage(column)
            if not pa.types.is_nested(array.type):
                return array.to_pylist()
            if array.null_count == 0 and (dense := _dense(array)) is not None:
                return list(dense)
        return [self.value(name, index) for index in range(self.length)]

    def select(self, indices: list[int]) -> Rows:
        """Some of the rows, in the given order, without copying Arrow data row by row."""
        columns = {name: _take(values, indices) for name, values in self._columns.items()}
        positions = [self._positions[index] for index in indices]
        return Rows(columns, len(indices), positions=positions, within=self._within)

    def chunks(self, size: int) -> Iterator[Rows]:
        """The rows in order, at most `size` at a time."""
        for start in range(0, self.length, size):
            yield self.select(list(range(start, min(start + size, self.length))))

    def with_columns(self, columns: Mapping[str, Any]) -> Rows:
        """These rows with more columns, or others in their place."""
        return Rows({**self._columns, **columns}, self.length, positions=self._positions, within=self._within)

    def of_data_set(self, positions: Sequence[int]) -> Rows:
        """These rows, which messages call by their positions in the data set where nothing else names them."""
        return Rows(self._columns, self.length, positions=positions, within="data set")

    def described(self, index: int) -> str:
        """A row by its position: "row 1003 of the data set", "row 3 of the batch"."""
        return f"row {self._positions[index]} of the {self._within}"

    def add(self, name: str, values: Any) -> None:
        self._columns[name] = values


class Row:
    """One row of a batch; `row[name]` is None for a column that is absent or null."""

    def __init__(self, rows: Rows, index: int) -> None:
        self._rows = rows
        self._index = index

    def __getitem__(self, name: str) -> Any:
        return self._rows.value(name, self._index)

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    @property
    def columns(self) -> list[str]:
        return self._rows.names

    @property
    def label(self) -> str:
        """What a person calls this row: its clip's file, its identifier, or its position."""
        for name in schema.SHOWN_ROW_NAMES:
            text = _path_of(self[name])
            if text:
                return f"{'clip' if name in (schema.VIDEO, schema.FILE_NAME) else name} {without_secrets(text)!r}"
        return self._rows.described(self._index)

    @property
    def clip_name(self) -> str | None:
        """Path or file name of the clip, if the row has one."""
        columns = (schema.VIDEO, schema.FILE_NAME, schema.FRAMES)
        return next((path for path in (_path_of(self[name]) for name in columns) if path), None)


def _unpickled(stream: bytes, columns: dict[str, Any], length: int, positions: Sequence[int], within: str) -> Rows:
    table = pa.ipc.open_stream(stream).read_all()
    columns |= {name: table.column(name) for name in table.column_names}
    return Rows(columns, length, positions=positions, within=within)


def _path_of(value: Any) -> str | None:
    if isinstance(value, Mapping):
        value = value.get("path")
    if isinstance(value, str | os.PathLike):
        return os.fspath(value)
    return None


def _length(name: str, values: Any) -> int:
    if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__len__"):
        raise TypeError(
            f"column {name!r} holds one value ({type(values).__name__}) where a batch has a list of them. "
            "Use ds.map(transform, batched=True), or wrap the value in a list."
        )
    return len(values)


def _take(values: Any, indices: list[int]) -> Any:
    if isinstance(values, pa.ChunkedArray | pa.Array):
        if indices == list(range(indices[0], indices[0] + len(indices))) if indices else False:
            return values.slice(indices[0], len(indices))
        return values.take(pa.array(indices, pa.int64()))
    return [values[i] for i in indices]


def _from_arrow(values: pa.ChunkedArray | pa.Array) -> Any:
    """The single value of `values`: numbers in nested lists as one numpy array, everything else as Python."""
    array = _storage(values)
    if not array[0].is_valid:
        return None
    dense = _dense(array)
    return array[0].as_py() if dense is None else dense[0]


def _storage(values: pa.ChunkedArray | pa.Array) -> pa.Array:
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if isinstance(array, pa.ChunkedArray):  # older pyarrow keeps a chunked array of one chunk
        array = array.chunk(0) if array.num_chunks == 1 else pa.concat_arrays(array.chunks)
    return array.storage if isinstance(array, pa.ExtensionArray) else array


def _dense(array: pa.Array) -> np.ndarray | None:
    """Nested lists of numbers, one a row, as one array; None if they are ragged, hold nulls or other things."""
    shape = [len(array)]
    while pa.types.is_list(array.type) or pa.types.is_large_list(array.type) or pa.types.is_fixed_size_list(array.type):
        lengths = array.value_lengths().to_numpy(zero_copy_only=False)
        if array.null_count or len(lengths) == 0 or (lengths != lengths[0]).any():
            return None
        shape.append(int(lengths[0]))
        array = array.flatten()
    numeric = pa.types.is_integer(array.type) or pa.types.is_floating(array.type)
    if len(shape) == 1 or not numeric or array.null_count:
        return None
    return array.to_numpy(zero_copy_only=False).reshape(shape)
