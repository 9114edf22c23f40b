"""The Parquet form of a feature data set, and the only place that knows it.

Each choice is measured in `benchmarks/README.md`. In short: hidden states lie one clip a row group, so that a reader
gets a clip without its neighbours; numbers are stored plain and compressed with zstd; lists of fixed length are stored
as lists of any length, since no pyarrow before 26 reads a null of a fixed-size list. What the file cannot say itself,
the length of these lists, `readme_metadata` says.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from datasets import Audio, Features, Image, Video

from emollama_hf import schema

#: A row of this many bytes has a row group of its own.
SINGLE_ROW_BYTES = 262_144
#: Bytes of a row group of smaller rows.
ROW_GROUP_BYTES = 4_000_000
#: zstd's fastest level: a higher one costs time and saves nothing on hidden states.
ZSTD_LEVEL = 1


def write_parquet(path: str | os.PathLike[str], tables: Iterable[pa.Table], features: Features) -> None:
    """Write rows as one Parquet file that any pyarrow from 15 on, polars and duckdb read.

    Args:
        path: of the file.
        tables: the rows, in pieces of any size, with the columns of `features`; one row group (`rows_per_group`) is
            held in memory at a time.
        features: types of the columns, in the order of the file. They are written into the file, too.

    Raises:
        ValueError: a piece lacks a column of `features` or has another.
        pyarrow.ArrowInvalid: values are not of the declared type.

    Example:
        >>> write_parquet("train.parquet", [ds.with_format("arrow")[:]], ds.features)
        >>> pq.ParquetFile("train.parquet").read_row_group(0).num_rows
        1
    """
    rows = rows_per_group(features)
    stored = stored_schema(features)
    with pq.ParquetWriter(
        path,
        stored,
        compression="zstd",
        compression_level=ZSTD_LEVEL,
        use_dictionary=_text_columns(stored),
        write_statistics=_flat_columns(stored),
    ) as writer:
        for group in _groups(tables, rows):
            writer.write_table(_as_stored(group, features, stored), row_group_size=rows)


def rows_per_group(features: Features) -> int:
    """Rows of one row group: 1 for hidden states, hundreds for vectors.

    A row group is what a reader has to read and hold at once, and what `load_dataset` makes a batch of.
    """
    row_bytes = max(1, schema.row_bytes(features))
    if row_bytes >= SINGLE_ROW_BYTES or any(_is_media(feature) for feature in features.values()):
        return 1
    return max(1, ROW_GROUP_BYTES // row_bytes)


def stored_schema(features: Features) -> pa.Schema:
    """The Arrow schema in the file: that of `features`, with lists of any length for those of fixed length.

    >>> stored_schema(Features({"facemae": List(Value("float32"), length=1024)})).field("facemae").type
    ListType(list<item: float>)
    """
    declared = features.arrow_schema
    fields = [pa.field(field.name, _any_length(field.type)) for field in declared]
    return pa.schema(fields, metadata=declared.metadata)  # carries the feature types for `datasets`


def declared_features(stored: pa.Schema) -> Features:
    """The types that a file's columns were declared with, lengths of lists included."""
    found = json.loads((stored.metadata or {}).get(b"huggingface", b"{}"))
    described = found.get("info", {}).get("features")
    return Features.from_arrow_schema(stored) if described is None else Features.from_dict(described)


def _any_length(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind):
        return pa.list_(_any_length(kind.value_type))
    if pa.types.is_large_list(kind):
        return pa.large_list(_any_length(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _any_length(field.type)) for field in kind])
    return kind


def _as_stored(table: pa.Table, features: Features, stored: pa.Schema) -> pa.Table:
    if set(table.column_names) != set(stored.names):
        raise ValueError(
            f"a piece has the columns {table.column_names}, expected {stored.names}. "
            "Pass the features of the data set that the pieces come from."
        )
    # First as declared, which checks the length of every list that has one.
    declared = table.select(stored.names).cast(features.arrow_schema)
    columns = [
        pa.chunked_array([_without_hidden_values(chunk, kind) for chunk in column.chunks], kind)
        for column, kind in zip(declared.columns, stored.types, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=stored)


def _without_hidden_values(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """The array with lists of any length, and nulls that are empty.

    A null in a list of fixed length has numbers behind it, and so has one that was cast from it. pyarrow 24 and
    older refuse to write such a null between two rows.
    """
    if isinstance(kind, pa.ExtensionType):
        return pa.ExtensionArray.from_storage(kind, _without_hidden_values(array.storage, kind.storage_type))
    mask = array.is_null() if array.null_count else None
    if pa.types.is_struct(kind):
        children = [_without_hidden_values(child, kind.field(i).type) for i, child in enumerate(array.flatten())]
        return pa.StructArray.from_arrays(children, fields=list(kind), mask=mask)
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        return array
    lengths = np.where(array.is_valid(), pc.list_value_length(array), 0)
    large = pa.types.is_large_list(kind)
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int64() if large else pa.int32())
    values = _without_hidden_values(
        array.drop_null().flatten() if array.null_count else array.flatten(), kind.value_type
    )
    return (pa.LargeListArray if large else pa.ListArray).from_arrays(offsets, values, type=kind, mask=mask)


def _groups(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The rows again, in tables of `rows` and a last one of what is left."""
    waiting: list[pa.Table] = []
    missing = rows
    for table in tables:
        start = 0
        while start < table.num_rows:
            piece = table.slice(start, missing)
            waiting.append(piece)
            start += piece.num_rows
            missing -= piece.num_rows
            if not missing:
                yield pa.concat_tables(waiting)
                waiting, missing = [], rows
    if waiting:
        yield pa.concat_tables(waiting)


def _flat_columns(stored: pa.Schema) -> list[str]:
    """Columns of one number or text a row. Their bounds let a reader skip rows; those of lists say nothing."""
    return [
        name
        for name, kind in zip(stored.names, stored.types, strict=True)
        if pa.types.is_primitive(kind) or _is_text(kind)
    ]


def _text_columns(stored: pa.Schema) -> list[str]:
    """Columns of text. Labels and participants repeat, which a dictionary is for; it slows down everything else."""
    return [name for name, kind in zip(stored.names, stored.types, strict=True) if _is_text(kind)]


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_media(feature: Any) -> bool:
    """Pictures and recordings, whose size no type tells."""
    return isinstance(getattr(feature, "feature", feature), Audio | Image | Video)
