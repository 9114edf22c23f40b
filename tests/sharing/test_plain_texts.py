"""Texts of any Arrow type are published as texts; what is not UTF-8 is an error that names its column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from datasets import Dataset, load_dataset

from emollama_hf import push
from emollama_hf.errors import ShareError, SourceError
from emollama_hf.files.tables import read_table

BROKEN = pa.StringArray.from_buffers(2, pa.array([0, 2, 4], pa.int32()).buffers()[1], pa.py_buffer(b"\xff\xfeab"))
VIEW = pa.array(["MW", None], pa.string_view())


def pushed(values: Any, target: Path) -> list[Any]:
    vectors = pa.array([[0.5] * 1024] * 2, pa.list_(pa.float32()))
    ds = Dataset(pa.table({"uuid": ["a", "b"], "facemae": vectors, "label": values}))
    push(ds, target, include=["label"])
    found: list[Any] = load_dataset("parquet", data_files=str(target / "data" / "*.parquet"), split="train")["label"][:]
    return found


@pytest.mark.parametrize(
    "values",
    [
        VIEW,
        pa.StructArray.from_arrays([VIEW, pa.array([1, 2])], ["a", "b"]),
        pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), VIEW),
    ],
)
def test_views_are_published_as_texts(values: pa.Array, tmp_path: Path) -> None:
    assert pushed(values, tmp_path / "shared") == values.to_pylist()


@pytest.mark.parametrize("values", [BROKEN, pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), BROKEN)])
def test_what_is_not_utf_8_names_its_column(values: pa.Array, tmp_path: Path) -> None:
    with pytest.raises(ShareError, match=r"column 'label' holds values that cannot be read.*expected text in UTF-8"):
        pushed(values, tmp_path / "shared")
    assert not (tmp_path / "shared").exists()


def test_a_table_of_labels_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"uuid": ["a", "b"], "label": BROKEN}), tmp_path / "labels.parquet")
    with pytest.raises(SourceError, match=r"labels\.parquet: cannot be read as Parquet of labels"):
        read_table(tmp_path / "labels.parquet")
