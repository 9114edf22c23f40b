"""The numbers of rows, out of columns of any type."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from datasets import Array2D, ClassLabel, Features, LargeList, List, Value
from datasets.table import cast_array_to_feature
from hypothesis import given, settings
from hypothesis import strategies as st

from emollama_hf.privacy.row_numbers import columns_as_rows, number_rows

COUNT = 300
WHOLE = st.integers(0, 2**32).map(lambda seed: np.random.default_rng(seed).integers(0, 256, COUNT).tolist())
START = datetime.datetime(2026, 1, 1)
#: How a whole number is stored, by the type that stores it.
STORED: dict[str, Any] = {
    **{kind: lambda n: n for kind in ("uint8", "int16", "int64", "uint64", "int32")},
    **dict.fromkeys(("float16", "float32", "float64"), float),
    "decimal128(5, 0)": Decimal,
    "decimal256(40, 2)": Decimal,
    "timestamp[us]": lambda n: START + datetime.timedelta(microseconds=n),
    "timestamp[ns, tz=UTC]": lambda n: pa.scalar(1_790_000_000_000_000_000 + n, pa.timestamp("ns", "UTC")),
    "duration[ms]": lambda n: datetime.timedelta(milliseconds=n),
    "date32": lambda n: datetime.date(2026, 1, 1) + datetime.timedelta(n),
    "time32[s]": lambda n: datetime.time(n // 60, n % 60),
    "time64[us]": lambda n: datetime.time(0, n // 60, n % 60),
    "string": str,
    "large_string": str,
}


def column(values: list[Any], kind: Any) -> pa.ChunkedArray:
    features = Features({"x": kind})
    return pa.chunked_array([pa.array(values, features.arrow_schema.field("x").type)])


def flat(found: Any) -> list[list[float]]:
    return [list(row) for rows in found for row in rows]


@settings(deadline=None, max_examples=40)
@given(st.lists(WHOLE, min_size=1, max_size=3), st.sampled_from(sorted(STORED)))
def test_every_type_of_number_is_read(rows: list[list[int]], dtype: str) -> None:
    rows = [[0, 255, *row] for row in rows]
    values = [[None if n is None else STORED[dtype](n) for n in row] for row in rows]
    if dtype.startswith("timestamp[ns"):
        whole = pa.array([[one.value for one in row] for row in values], pa.list_(pa.int64()))
        stored: Any = pa.chunked_array([whole.cast(pa.list_(pa.timestamp("ns", "UTC")))])
    else:
        stored = column(values, List(Value(dtype)))
    found = np.array(flat(number_rows(stored)))
    assert found.shape == (len(rows), COUNT + 2)
    scale = (found.max() - found.min()) / 255
    assert np.allclose((found - found.min()) / scale, rows)


NESTS: dict[str, tuple[Any, Any]] = {
    "list": (List(Value("uint8")), lambda row: row),
    "list of one length": (List(Value("float32"), length=COUNT), lambda row: row),
    "large list": (LargeList(Value("float64")), lambda row: row),
    "list of lists": (List(List(Value("int16"))), lambda row: [row[:7], row[7:200], [], row[200:]]),
    "array": (Array2D((15, 20), "float32"), lambda row: np.reshape(row, (15, 20)).tolist()),
    "list of arrays": (List(Array2D((5, 20), "float32")), lambda row: np.reshape(row, (3, 5, 20)).tolist()),
    "list in a structure": ({"a": {"b": List(Value("float32"))}}, lambda row: {"a": {"b": row}}),
    "list of structures": (List({"v": Value("uint8")}), lambda row: [{"v": n} for n in row]),
    "structure": (
        {f"p{n}": Value("uint8") for n in range(COUNT)},
        lambda row: {f"p{n}": value for n, value in enumerate(row)},
    ),
    "labels": (List(ClassLabel(names=[str(n) for n in range(256)])), lambda row: row),
}


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(st.none(), WHOLE), min_size=1, max_size=4), st.sampled_from(sorted(NESTS)), st.booleans())
def test_every_nesting_is_read(rows: list[list[int] | None], nest: str, sliced: bool) -> None:
    kind, nested = NESTS[nest]
    values = [None if row is None else nested(row) for row in rows]
    array = cast_array_to_feature(pa.array(values), kind)
    found = flat(number_rows(pa.chunked_array([array.slice(1) if sliced else array])))
    assert found == [row for row in rows[int(sliced) :] if row is not None]


def test_all_lists_of_a_structure_are_rows_together_and_alone() -> None:
    kind = {"a": List(Value("float32")), "b": List(Value("int8"))}
    found = number_rows(column([{"a": [1.0] * 290, "b": [2] * 20}, {"a": [3.0] * 10, "b": None}], kind))
    assert [len(row) for row in flat(found)] == [290, 310]


def test_numbers_that_are_none_are_left_out() -> None:
    row = [float("nan"), None, float("inf"), *range(256)]
    assert flat(number_rows(column([row], List(Value("float64"))))) == [list(range(256))]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("a", Value("string")),
        (["a"] * COUNT, List(Value("string"))),
        ([b"1"] * COUNT, List(Value("binary"))),
        (1, Value("int64")),
        (None, List(Value("float32"))),
    ],
)
def test_other_columns_have_none(value: Any, kind: Any) -> None:
    assert flat(number_rows(column([value], kind))) == []


def test_columns_are_rows_together() -> None:
    columns = [pa.chunked_array([[n, None]]) for n in range(256)]
    assert flat(columns_as_rows([*columns, pa.chunked_array([["a", "b"]])])) == [list(range(256))]
