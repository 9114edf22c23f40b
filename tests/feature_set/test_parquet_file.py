"""The Parquet form: what is written comes back, here and without this package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Array2D, ClassLabel, Dataset, Features, Image, List, Value, concatenate_datasets, load_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from emollama_hf.feature_set import parquet_file
from emollama_hf.feature_set.card.readme_metadata import readme_metadata
from emollama_hf.feature_set.parquet_file import rows_per_group, stored_schema, write_parquet
from emollama_hf.work_store.arrow_columns import nulls, to_arrow
from tests import second_process

FEATURES = Features(
    {
        "file_name": Value("string"),
        "label": ClassLabel(names=["NonMW", "MW"]),
        "emollama": Array2D((5, 8), "float16"),
        "pooled": List(Value("float16"), length=8),
        "facemae": List(Value("float32"), length=6),
        "peak_index": Value("int32"),
        "emollama_status": Value("string"),
    }
)
COMPUTED = ("emollama", "pooled", "facemae", "peak_index")


def rows(ok: list[bool], *, seed: int = 0) -> tuple[pa.Table, dict[str, np.ndarray]]:
    """A row a flag, failed ones with null features; and the bits of the others' numbers."""
    random = np.random.default_rng(seed)
    bits = {
        "emollama": random.integers(0, 2**16, (sum(ok), 5, 8), dtype=np.uint16),
        "pooled": random.integers(0, 2**16, (sum(ok), 8), dtype=np.uint16),
        "facemae": random.integers(0, 2**32, (sum(ok), 6), dtype=np.uint32),
        "peak_index": random.integers(0, 2**31, sum(ok), dtype=np.int32),
    }
    kinds = {"emollama": np.float16, "pooled": np.float16, "facemae": np.float32, "peak_index": np.int32}
    computed = {name: iter(bits[name].view(kinds[name])) for name in COMPUTED}
    pieces = [_row(index, flag, computed) for index, flag in enumerate(ok)]
    return pa.concat_tables([FEATURES.arrow_schema.empty_table(), *pieces]), bits


def _row(index: int, ok: bool, computed: dict[str, Iterator[Any]]) -> pa.Table:
    columns = {
        "file_name": pa.array([f"{index}.mp4"]),
        "label": pa.array([index % 2]),
        "emollama_status": pa.array(["ok" if ok else "no_face"]),
    }
    for name in COMPUTED:
        feature = FEATURES[name]
        columns[name] = to_arrow(name, [next(computed[name])], feature) if ok else nulls(1, feature)
    return pa.Table.from_arrays([columns[name] for name in FEATURES], schema=FEATURES.arrow_schema)


def bits_of(table: pa.Table, name: str) -> np.ndarray:
    """The bits of a column's numbers without its nulls, as rows of unsigned integers."""
    column = table[name].combine_chunks().drop_null()
    column = column.storage if isinstance(column, pa.ExtensionArray) else column
    while not pa.types.is_primitive(column.type):
        column = column.flatten()
    return column.to_numpy(zero_copy_only=False).view({2: np.uint16, 4: np.uint32}[column.type.bit_width // 8])


def write_directory(folder: Path, table: pa.Table) -> Path:
    """A data set as `extract` leaves it: Parquet and a README."""
    (folder / "data").mkdir(parents=True)
    write_parquet(folder / "data" / "train-0.parquet", [table], FEATURES)
    (folder / "README.md").write_text(readme_metadata({"default": (FEATURES, "data/train-*.parquet")}) + "# Features\n")
    return folder


@pytest.mark.parametrize("group", [None, 1, 2, 3])
def test_bits_and_nulls_come_back(tmp_path: Path, group: int | None) -> None:
    """NaN with payloads, infinities and subnormal numbers among them."""
    ok = [False, True, True, False, False, True]
    table, bits = rows(ok)
    with patch.object(parquet_file, "rows_per_group", lambda features: group or rows_per_group(features)):
        folder = write_directory(tmp_path / "set", table)
    opened = load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert opened.features == FEATURES
    assert list(opened["emollama_status"]) == ["ok" if flag else "no_face" for flag in ok]
    read = opened.with_format("arrow")[:]
    for name in COMPUTED:
        assert read[name].is_valid().to_pylist() == ok
        np.testing.assert_array_equal(bits_of(read, name), bits[name].reshape(-1).view(bits_of(read, name).dtype))


@settings(max_examples=25, deadline=None)
@given(ok=st.lists(st.booleans(), min_size=1, max_size=9), group=st.integers(1, 4), pieces=st.integers(1, 4))
def test_pieces_of_any_size_give_the_same_groups(
    tmp_path_factory: pytest.TempPathFactory, ok: list[bool], group: int, pieces: int
) -> None:
    table, bits = rows(ok)
    path = tmp_path_factory.mktemp("pieces") / "t.parquet"
    with patch.object(parquet_file, "rows_per_group", lambda _: group):
        write_parquet(path, (table.slice(i, pieces) for i in range(0, len(ok), pieces)), FEATURES)
    file = pq.ParquetFile(path)
    counts = [file.metadata.row_group(index).num_rows for index in range(file.metadata.num_row_groups)]
    assert counts == [min(group, len(ok) - start) for start in range(0, len(ok), group)]
    read = file.read()
    assert read["file_name"].to_pylist() == table["file_name"].to_pylist()
    for name in COMPUTED:
        assert read[name].is_valid().to_pylist() == ok
        np.testing.assert_array_equal(bits_of(read, name), bits[name].reshape(-1).view(bits_of(read, name).dtype))


def test_it_opens_in_a_process_without_this_package(tmp_path: Path) -> None:
    table, bits = rows([True, False, True])
    folder = write_directory(tmp_path / "set", table)
    code = f"""
import sys
sys.modules["emollama_hf"] = None  # an import would fail
import numpy as np
from datasets import Array2D, List, Value, load_dataset
ds = load_dataset({str(folder)!r}, split="train", cache_dir={str(tmp_path / "cache")!r})
assert ds.features["emollama"] == Array2D((5, 8), "float16"), ds.features
assert ds.features["facemae"] == List(Value("float32"), length=6), ds.features
streamed = list(load_dataset({str(folder)!r}, split="train", streaming=True))
assert [row["facemae"] is None for row in streamed] == [False, True, False]
ok = ds.filter(lambda status: status == "ok", input_columns="emollama_status")
states = ok.with_format("numpy", columns=["emollama"], dtype=np.float16)[:]["emollama"]
vectors = ok.with_format("numpy", columns=["facemae"])[:]["facemae"]
np.savez({str(tmp_path / "read.npz")!r}, states=states, vectors=vectors)
"""
    second_process.run(code, with_package=False, check=True)
    read = np.load(tmp_path / "read.npz")
    assert read["states"].dtype == np.float16
    assert read["vectors"].dtype == np.float32
    np.testing.assert_array_equal(read["states"].view(np.uint16), bits["emollama"])
    np.testing.assert_array_equal(read["vectors"].view(np.uint32), bits["facemae"])


def test_float16_stays_float16_where_the_user_asks(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    table, bits = rows([True, True])
    ds = load_dataset(str(write_directory(tmp_path / "set", table)), split="train", cache_dir=str(tmp_path / "cache"))
    tensors = ds.with_format("torch", columns=["emollama", "pooled"], dtype=torch.float16)[:]
    for name in ("emollama", "pooled"):
        assert tensors[name].dtype == torch.float16
        np.testing.assert_array_equal(tensors[name].numpy().view(np.uint16), bits[name])


def test_a_filter_on_the_status_is_taken(tmp_path: Path) -> None:
    """With a number of rows in the README, `load_dataset` refuses filters."""
    table, _ = rows([True, False, True])
    folder = write_directory(tmp_path / "set", table)
    filters = [("emollama_status", "==", "ok")]
    ds = load_dataset(str(folder), split="train", filters=filters, cache_dir=str(tmp_path / "cache"))
    assert ds["file_name"][:] == ["0.mp4", "2.mp4"]


def test_a_reader_gets_one_clip_of_hidden_states() -> None:
    hidden = Features({"emollama": Array2D((309, 4096), "float16"), "facemae": List(Value("float32"), length=1024)})
    assert rows_per_group(hidden) == 1
    assert rows_per_group(Features({"frames": List(Image())})) == 1
    vectors = Features({"facemae": List(Value("float32"), length=1024)})
    assert rows_per_group(vectors) > 100


def test_one_clip_is_read_without_its_neighbours(tmp_path: Path) -> None:
    features = Features({"emollama": Array2D((64, 2048), "float16")})
    states = np.random.default_rng(0).standard_normal((4, 64, 2048)).astype(np.float16)
    column = to_arrow("emollama", list(states), features["emollama"])
    write_parquet(tmp_path / "t.parquet", [pa.table([column], schema=features.arrow_schema)], features)
    file = pq.ParquetFile(tmp_path / "t.parquet")
    assert file.num_row_groups == 4
    third = file.read_row_group(2)["emollama"].combine_chunks()
    np.testing.assert_array_equal(third.to_numpy(), states[2:3])


def test_bounds_are_kept_for_plain_columns_alone(tmp_path: Path) -> None:
    table, _ = rows([True, True])
    write_parquet(tmp_path / "t.parquet", [table], FEATURES)
    group = pq.ParquetFile(tmp_path / "t.parquet").metadata.row_group(0)
    bounded = {
        group.column(index).path_in_schema for index in range(group.num_columns) if group.column(index).is_stats_set
    }
    assert bounded == {"file_name", "label", "peak_index", "emollama_status"}


def test_memory_is_that_of_a_row_group(tmp_path: Path) -> None:
    """64 rows of 1 MB, made one by one, in a process whose allocations are its own."""
    code = f"""
import numpy as np, pyarrow as pa
from datasets import Array2D, Features
from emollama_hf.work_store.arrow_columns import to_arrow
from emollama_hf.feature_set.parquet_file import write_parquet
features = Features({{"emollama": Array2D((256, 2048), "float16")}})
states = np.random.default_rng(0).standard_normal((256, 2048), np.float32).astype(np.float16)
tables = (
    pa.table([to_arrow("emollama", [states], features["emollama"])], schema=features.arrow_schema) for _ in range(64)
)
write_parquet({str(tmp_path / "t.parquet")!r}, tables, features)
print(pa.default_memory_pool().max_memory())
"""
    ran = second_process.run(code, check=True)
    assert (tmp_path / "t.parquet").stat().st_size > 50_000_000
    assert int(ran.stdout) < 16_000_000


def test_lists_in_the_file_have_any_length() -> None:
    """No pyarrow before 26 reads a null of a fixed-size list."""
    features = Features(
        {
            "facemae": List(Value("float32"), length=1024),
            "boxes": List(List(Value("float32"), length=4), length=16),
            "who": {"vector": List(Value("float32"), length=3), "name": Value("string")},
        }
    )
    stored = stored_schema(features)
    assert "fixed_size" not in str(stored.remove_metadata())
    assert stored.metadata == features.arrow_schema.metadata


@pytest.mark.parametrize("null", [0, 1, 2])
def test_nulls_with_numbers_behind_them_come_back(tmp_path: Path, null: int) -> None:
    """As the writer of `datasets` leaves them; pyarrow 24 refuses to write such a null between two rows."""
    features = Features(
        {"vector": List(Value("float32"), length=3), "matrix": Array2D((2, 2), "float16"), "any": List(Value("int8"))}
    )
    mask = pa.array([row == null for row in range(3)])
    numbers = np.arange(12, dtype=np.float32)
    offsets = pa.array([0, 2, 4, 6], pa.int32())
    inner = pa.ListArray.from_arrays(pa.array(range(0, 13, 2), pa.int32()), pa.array(numbers.astype(np.float16)))
    matrix = features.arrow_schema.field("matrix").type
    columns = [
        pa.FixedSizeListArray.from_arrays(pa.array(numbers[:9]), type=pa.list_(pa.float32(), 3), mask=mask),
        pa.ExtensionArray.from_storage(matrix, pa.ListArray.from_arrays(offsets, inner, mask=mask)),
        pa.ListArray.from_arrays(offsets, pa.array(range(6), pa.int8()), mask=mask),
    ]
    table = pa.Table.from_arrays(columns, schema=features.arrow_schema)
    write_parquet(tmp_path / "t.parquet", [table], features)
    read = pq.read_table(tmp_path / "t.parquet")
    present = [row for row in range(3) if row != null]
    for name, expected in (
        ("vector", numbers[:9].reshape(3, 3)),
        ("matrix", numbers.astype(np.float16).reshape(3, 2, 2)),
        ("any", np.arange(6, dtype=np.int8).reshape(3, 2)),
    ):
        assert read[name].is_null().to_pylist() == mask.to_pylist()
        column = read[name].combine_chunks()
        column = column.storage if isinstance(column, pa.ExtensionArray) else column
        np.testing.assert_array_equal(column.drop_null().to_pylist(), expected[present])


def test_nested_lists_come_back(tmp_path: Path) -> None:
    features = Features(
        {
            "boxes": List(List(Value("float32"), length=2), length=2),
            "who": {"vector": List(Value("float32"), length=3), "name": Value("string")},
            "any": List(Value("int64")),
        }
    )
    given_rows = [
        {"boxes": [[1.0, 2.0], [3.0, 4.0]], "who": {"vector": [1.0, 2.0, 3.0], "name": "a"}, "any": []},
        {"boxes": None, "who": {"vector": None, "name": None}, "any": [1, 2]},
    ]
    ds = Dataset.from_list(given_rows, features=features)
    (tmp_path / "data").mkdir()
    write_parquet(tmp_path / "data" / "t.parquet", [ds.with_format("arrow")[:]], features)
    (tmp_path / "README.md").write_text(readme_metadata({"default": (features, "data/*.parquet")}))
    opened = load_dataset(str(tmp_path), split="train", cache_dir=str(tmp_path / "cache"))
    assert opened.features == features
    assert opened.to_list() == given_rows


def test_rows_that_were_chosen_are_written(tmp_path: Path) -> None:
    """Slices of longer arrays, in another order, from two data sets side by side."""
    table, _ = rows([True, False, True, True, False])
    left = Dataset(table.select(["file_name", "label"]))
    right = Dataset(table.drop_columns(["file_name", "label"]))
    ds = concatenate_datasets([left, right], axis=1).select([3, 1, 2])
    write_parquet(tmp_path / "t.parquet", [ds.with_format("arrow")[:2], ds.with_format("arrow")[2:]], ds.features)
    read = pq.read_table(tmp_path / "t.parquet")
    assert read["file_name"].to_pylist() == ["3.mp4", "1.mp4", "2.mp4"]
    for name in ("facemae", "emollama", "pooled"):
        np.testing.assert_array_equal(
            bits_of(read, name), np.concatenate([bits_of(table.slice(index, 1), name) for index in (3, 2)])
        )


def test_no_rows_are_a_file_with_columns(tmp_path: Path) -> None:
    write_parquet(tmp_path / "t.parquet", [], FEATURES)
    read = pq.read_table(tmp_path / "t.parquet")
    assert read.num_rows == 0
    assert read.column_names == list(FEATURES)


def test_other_columns_and_sizes_are_refused(tmp_path: Path) -> None:
    table, _ = rows([True])
    with pytest.raises(ValueError, match="expected"):
        write_parquet(tmp_path / "t.parquet", [table.drop_columns(["facemae"])], FEATURES)
    short = table.set_column(4, "facemae", pa.array([[1.0, 2.0]], pa.list_(pa.float32())))
    with pytest.raises(pa.ArrowInvalid):
        write_parquet(tmp_path / "t.parquet", [short], FEATURES)
