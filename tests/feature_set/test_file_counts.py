"""What a card may count in rows."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from datasets import ClassLabel, Dataset, Features, Value

from emollama_hf import schema
from emollama_hf.feature_set.file_counts import RowCounter


def labels_of(column: list[Any], kind: Any) -> dict[str, int] | None:
    ds = Dataset.from_dict({"label": column}, features=Features({"label": kind}))
    counter = RowCounter(ds.features)
    counter.add(ds.with_format("arrow")[:])
    return counter.counts().labels.get("label")


def test_classes_are_counted_by_their_names() -> None:
    assert labels_of([1, 0, 1, None], ClassLabel(names=["NonMW", "MW"])) == {"MW": 2, "NonMW": 1, "null": 1}


@pytest.mark.parametrize(
    ("column", "kind", "counts"),
    [
        ([True, False, True], Value("bool"), {"False": 1, "True": 2}),
        ([3, 3, 1], Value("uint8"), {"1": 1, "3": 2}),
        (["a", "b", "a"], Value("large_string"), {"a": 2, "b": 1}),
        ([0.5, 0.5], Value("float32"), None),
    ],
)
def test_texts_and_whole_numbers_may_be_labels(column: list[Any], kind: Value, counts: dict[str, int] | None) -> None:
    assert labels_of(column, kind) == counts


@pytest.mark.parametrize("name", schema.ROW_NAMES)
def test_what_names_a_row_is_no_label(name: str) -> None:
    counter = RowCounter(Features({name: Value("string")}))
    counter.add(pa.table({name: ["a", "b", "a"]}))
    assert counter.counts().labels == {}


def test_a_column_that_differs_in_most_rows_is_none() -> None:
    assert labels_of([str(i) for i in range(20)], Value("string")) is not None
    assert labels_of([str(i) for i in range(21)], Value("string")) is None
    assert labels_of([str(i % 21) for i in range(42)], Value("string")) is not None


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("note", ["talked about her mother, " * 2] * 4),
        ("note", ["two\nlines"] * 4),
        ("recorded", ["2024-01-14", "2024-01-22"] * 2),
        ("visit", ["14.01.2024", "22.01.2024"] * 2),
        ("town", ["Bremen", "Kiel"] * 2),
    ],
)
def test_notes_moments_and_places_are_not_told_on_a_card(name: str, values: list[str]) -> None:
    counter = RowCounter(Features({name: Value("string")}))
    counter.add(pa.table({name: values}))
    assert counter.counts().labels == {}
