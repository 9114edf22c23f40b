"""Numbers of a stage as Arrow arrays: `datasets` reads them as it reads what it wrote itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from datasets import Array2D, Array3D, Array4D, ClassLabel, Dataset, Features, List, Value
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf import schema
from emollama_hf.work_store.arrow_columns import nulls, to_arrow

NUMERIC = {
    "int32": Value("int32"),
    "float32": Value("float32"),
    "uint8": Value("uint8"),
    "vector": List(Value("float32"), length=6),
    "half vector": List(Value("float16"), length=6),
    "lists of fixed length": List(List(Value("float32"), length=4), length=3),
    "matrix": Array2D((5, 8), "float16"),
    "boxes": Array2D((3, 4), "float32"),
    "volume": Array3D((2, 3, 4), "float32"),
    "crops": Array4D((2, 4, 4, 3), "uint8"),
}


def values_of(feature: Any, rows: int) -> list[np.ndarray]:
    """Rows of a feature's shape and dtype."""
    shape = schema.shape_of(feature)
    assert shape is not None
    return list(np.random.default_rng(0).integers(0, 200, (rows, *shape)).astype(schema.dtype_of(feature)))


@pytest.mark.parametrize("feature", NUMERIC.values(), ids=NUMERIC)
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_every_kind_is_stored_as_datasets_stores_it(feature: Any, rows: int) -> None:
    values = values_of(feature, rows)
    column = to_arrow("column", values, feature)
    column.validate(full=True)
    features = Features({"column": feature})
    assert column.type == features.arrow_schema.field("column").type
    theirs = Dataset.from_dict({"column": values}, features=features)
    ours = Dataset(pa.table([column], schema=features.arrow_schema))
    assert ours.features == theirs.features
    assert ours.to_list() == theirs.to_list()


def test_bits_are_kept() -> None:
    """NaN with payloads, infinities and subnormal numbers among them."""
    bits = np.arange(2**16, dtype=np.uint16).reshape(4, 128, 128)
    column = to_arrow("emollama", list(bits.view(np.float16)), Array2D((128, 128), "float16"))
    np.testing.assert_array_equal(column.storage.flatten().flatten().to_numpy().view(np.uint16), bits.reshape(-1))


@pytest.mark.parametrize(
    "feature", [Array2D((3, 4), "float32"), List(Value("float32"), length=12), List(List(Value("float32"), length=4))]
)
def test_a_single_row_is_not_copied(feature: Any) -> None:
    numbers = np.arange(12, dtype=np.float32).reshape([12] if schema.shape_of(feature) == (12,) else [3, 4])
    column = to_arrow("one", [numbers], feature)
    storage = column.storage if isinstance(column, pa.ExtensionArray) else column
    assert storage.buffers()[-1].address == numbers.ctypes.data
    assert column.to_pylist() == [numbers.tolist()]
    assert to_arrow("two", [numbers, numbers], feature).to_pylist() == [numbers.tolist()] * 2


@given(shape=st.tuples(*[st.integers(1, 5)] * 3))
def test_every_shape_reads_back(shape: tuple[int, int, int]) -> None:
    rows, *inner = shape
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    feature = Array2D(tuple(inner), "float32")
    table = pa.table([to_arrow("m", list(values), feature)], schema=Features({"m": feature}).arrow_schema)
    np.testing.assert_array_equal(Dataset(table).with_format("numpy")["m"][:], values)
    np.testing.assert_array_equal(Dataset(table).with_format("numpy")[rows - 1]["m"], values[-1])


def test_numbers_are_cast_to_what_is_declared() -> None:
    assert to_arrow("fps", [25, 29.97], Value("float32")) == pa.array([25, 29.97], pa.float32())
    column = to_arrow("facemae", [[1, 2], (3.0, 4.0)], List(Value("float32"), length=2))
    assert column.to_pylist() == [[1, 2], [3, 4]]


def test_arrays_in_any_memory_order_are_stored_row_by_row() -> None:
    values = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    column = to_arrow("m", [values, values[:, ::-1]], Array2D((2, 3), "float32"))
    assert column.storage.to_pylist() == [values.tolist(), values[:, ::-1].tolist()]


def test_text_bytes_and_labels_may_be_none() -> None:
    assert to_arrow("emollama_error", ["no face", None], Value("string")).to_pylist() == ["no face", None]
    assert to_arrow("raw", [b"\x00", None], Value("binary")).to_pylist() == [b"\x00", None]
    assert to_arrow("label", [1, None], ClassLabel(names=["NonMW", "MW"])).to_pylist() == [1, None]


@pytest.mark.parametrize(
    ("value", "feature"),
    [
        (np.zeros((4, 8)), Array2D((5, 8), "float16")),
        (np.zeros((5, 8, 1)), Array2D((5, 8), "float16")),
        (np.zeros(5), List(Value("float32"), length=6)),
        (np.zeros(1), Value("int32")),
    ],
)
def test_another_shape_is_refused(value: np.ndarray, feature: Any) -> None:
    with pytest.raises(ValueError, match=r"column 'c', row 1.*declared is"):
        to_arrow("c", [np.zeros(schema.shape_of(feature)), value], feature)


@pytest.mark.parametrize("feature", [Value("int32"), List(Value("float32"), length=2), Array2D((1, 2), "float16")])
def test_none_among_numbers_is_null(feature: Any) -> None:
    assert to_arrow("c", [np.zeros(schema.shape_of(feature)), None], feature).is_null().to_pylist() == [False, True]


@pytest.mark.parametrize("feature", [*NUMERIC.values(), Value("string")], ids=[*NUMERIC, "string"])
@pytest.mark.parametrize("rows", [0, 2])
def test_nulls_of_every_kind(feature: Any, rows: int) -> None:
    column = nulls(rows, feature)
    assert column.type == Features({"column": feature}).arrow_schema.field("column").type
    assert len(column) == column.null_count == rows


def test_failed_and_computed_rows_make_one_column() -> None:
    for feature in NUMERIC.values():
        arrow_schema = Features({"column": feature}).arrow_schema
        pieces = [to_arrow("column", values_of(feature, 2), feature), nulls(1, feature)]
        table = pa.concat_tables([pa.table([piece], schema=arrow_schema) for piece in pieces])
        assert table["column"].is_valid().to_pylist() == [True, True, False]


FREE = {
    "first side": List(List(Value("float32"), length=3)),
    "second side": List(List(List(Value("float16"), length=3)), length=2),
    "both": List(List(List(Value("float32"), length=2))),
}


@given(data=st.data())
def test_rows_without_a_value_and_sides_of_any_length_are_stored_as_datasets_stores_them(data: st.DataObject) -> None:
    feature = data.draw(st.sampled_from([*NUMERIC.values(), *FREE.values()]))
    shape = schema.shape_of(feature)
    assert shape is not None
    rng = np.random.default_rng(0)

    def value() -> np.ndarray:
        sides = [data.draw(st.integers(1, 4)) if side == -1 else side for side in shape]
        return rng.integers(0, 200, sides).astype(schema.dtype_of(feature))

    values = [value() if there else None for there in data.draw(st.lists(st.booleans(), max_size=4))]
    column = to_arrow("column", values, feature)
    column.validate(full=True)
    features = Features({"column": feature})
    ours = Dataset(pa.table([column], schema=features.arrow_schema)).to_list()
    assert [row["column"] for row in ours] == [None if one is None else one.tolist() for one in values]
