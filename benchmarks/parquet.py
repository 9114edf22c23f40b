"""What the Parquet form's choices cost: `python -m benchmarks.parquet` prints one JSON line a variant.

Each variant differs in one setting from what `write_parquet` does. Seconds are medians of rounds in turns: writing;
reading every row group as `load_dataset` does; the first `load_dataset` as a whole. `size` is relative to the numbers.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from datasets import Array2D, Features, List, Value, disable_progress_bars, load_dataset

from benchmarks.hidden_states import hidden_states, noise
from emollama_hf.feature_set.parquet_file import rows_per_group, stored_schema
from emollama_hf.work_store.arrow_columns import to_arrow

CHOSEN: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 1,
    "use_dictionary": False,
    "write_statistics": False,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "chosen": {},
    "no compression": {"compression": "none", "compression_level": None},
    "lz4": {"compression": "lz4", "compression_level": None},
    "snappy": {"compression": "snappy", "compression_level": None},
    "zstd 3": {"compression_level": 3},
    "zstd 9": {"compression_level": 9},
    "dictionary": {"use_dictionary": True},
    "statistics": {"write_statistics": True},
    "pages of 64 kB": {"data_page_size": 65_536},
    "pages of 8 MB": {"data_page_size": 8_388_608},
    "data page 2.0": {"data_page_version": "2.0"},
    "page index": {"write_page_index": True},
    "byte stream split": {"encoding": "BYTE_STREAM_SPLIT"},
    "required elements": {"required": True},
}


def main() -> None:
    """Measure hidden states, the same with random bits, and vectors; print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--length", type=int, default=309)
    parser.add_argument("--hidden", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    disable_progress_bars()
    shape = (options.rows, options.length, options.hidden)
    features = Features({"emollama": Array2D(shape[1:], "float16")})
    groups = {f"groups of {rows} rows": {"group": rows} for rows in (4, 16)}
    for label, values in (("hidden states", hidden_states(*shape)), ("random bits", noise(*shape))):
        compare(label, values, features, rows_per_group(features), {**VARIANTS, **groups}, options.rounds)
    vectors = hidden_states(options.rows, options.length, 1024, "float32").reshape(-1, 1024)
    features = Features({"facemae": List(Value("float32"), length=vectors.shape[1])})
    groups = {f"groups of {rows} rows": {"group": rows} for rows in (1, 32, 128, 2048, 8192)}
    split = {name: VARIANTS[name] for name in ("chosen", "no compression", "byte stream split")}
    compare("vectors", vectors, features, rows_per_group(features), {**split, **groups}, options.rounds)


def compare(
    label: str,
    values: np.ndarray,
    features: Features,
    group: int,
    variants: dict[str, dict[str, Any]],
    rounds: int,
) -> None:
    [(name, feature)] = features.items()
    column = to_arrow(name, list(values), feature)
    stored = stored_schema(features)
    table = pa.table([column.cast(stored.types[0]) if column.type != stored.types[0] else column], schema=stored)
    with tempfile.TemporaryDirectory() as folder:
        path, cache = Path(folder) / "t.parquet", Path(folder) / "cache"
        seconds: dict[str, list[tuple[float, ...]]] = {variant: [] for variant in variants}
        sizes = {}
        for _ in range(rounds):
            for variant, settings in variants.items():
                path.unlink(missing_ok=True)
                shutil.rmtree(cache, ignore_errors=True)
                seconds[variant].append(
                    (
                        timed(lambda s=settings: write(path, table, **{"group": group, **s})),
                        timed(lambda: read(path)),
                        timed(lambda: load_dataset("parquet", data_files=str(path), cache_dir=str(cache))),
                    )
                )
                sizes[variant] = round(path.stat().st_size / values.nbytes, 3)
    for variant, runs in seconds.items():
        write_s, read_s, load_s = (round(statistics.median(times), 3) for times in zip(*runs, strict=True))
        measured = {"write_s": write_s, "read_s": read_s, "load_dataset_s": load_s, "size": sizes[variant]}
        print(json.dumps({"data": label, "mb": values.nbytes // 10**6, "variant": variant, **measured}), flush=True)


def write(
    path: Path, table: pa.Table, *, group: int, encoding: str | None = None, required: bool = False, **settings: Any
) -> None:
    if required:
        table = with_required_elements(table)
    if encoding is not None:
        settings["column_encoding"] = {leaf_path(table.schema): encoding}
    with pq.ParquetWriter(path, table.schema, **{**CHOSEN, **settings}) as writer:
        for start in range(0, len(table), group):
            writer.write_table(table.slice(start, group), row_group_size=group)


def leaf_path(schema: pa.Schema) -> str:
    """Parquet's name of the numbers in a column of nested lists."""
    name, kind = schema.names[0], schema.types[0]
    kind = kind.storage_type if isinstance(kind, pa.ExtensionType) else kind
    while pa.types.is_list(kind):
        name, kind = f"{name}.list.element", kind.value_type
    return name


def with_required_elements(table: pa.Table) -> pa.Table:
    """The lists as Parquet lists whose elements cannot be null, which have fewer levels."""
    storage = table.column(0).combine_chunks()
    storage = storage.storage if isinstance(storage, pa.ExtensionArray) else storage
    return pa.table({table.column_names[0]: _required(storage)})


def _required(array: pa.Array) -> pa.Array:
    if not pa.types.is_list(array.type):
        return array
    inner = _required(array.values)
    kind = pa.list_(pa.field("item", inner.type, nullable=False))
    return pa.ListArray.from_arrays(array.offsets, inner, type=kind)


def read(path: Path) -> None:
    with path.open("rb") as file:
        fragment = pads.ParquetFileFormat().make_fragment(file)
        rows = fragment.row_groups[0].num_rows
        for _ in fragment.to_batches(batch_size=rows, batch_readahead=0, fragment_readahead=0):
            pass


def timed(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
