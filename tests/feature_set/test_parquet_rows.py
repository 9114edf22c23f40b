"""Reading a feature data set where it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from datasets import Array2D, Dataset, Features, Value

from emollama_hf.feature_set.feature_rows import FeatureRows
from emollama_hf.feature_set.feature_set import write_feature_set
from emollama_hf.feature_set.parquet_rows import ParquetRows, open_config
from emollama_hf.rows import Rows
from tests import second_process

FEATURES = Features(
    {"uuid": Value("string"), "emollama": Array2D((5, 8), "float16"), "emollama_status": Value("string")}
)


def states(number: int) -> np.ndarray:
    return np.random.default_rng(number).normal(size=(5, 8)).astype(np.float16)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Seven rows in three files, the fourth without features."""
    rows = {
        "uuid": [str(i) for i in range(7)],
        "emollama": [None if i == 3 else states(i) for i in range(7)],
        "emollama_status": ["ok"] * 7,
    }
    ds = Dataset.from_dict(rows, features=FEATURES).with_format("arrow")
    written = FeatureRows(
        labels=None,
        features=FEATURES,
        row_ids=rows["uuid"],
        keys=[[name] for name in rows["uuid"]],
        withheld=(),
        tables=lambda ranges: (ds[span.start : span.stop] for span in ranges),
    )
    write_feature_set(written, tmp_path / "features", tmp_path / "work", {}, shard_rows=3)
    return tmp_path / "features"


@pytest.mark.parametrize("size", [1, 2, 100])
def test_rows_come_in_order_a_few_at_a_time(directory: Path, size: int) -> None:
    opened = open_config(directory)[1]
    assert opened.features == FEATURES
    tables = list(opened.tables(["emollama", "uuid"], size))
    assert all(table.column_names == ["emollama", "uuid"] for table in tables)
    assert max(table.num_rows for table in tables) <= size
    rows = [Rows.from_batch(table).row(i) for table in tables for i in range(table.num_rows)]
    assert [row["uuid"] for row in rows] == [str(i) for i in range(7)]
    for number, row in enumerate(rows):
        if number == 3:
            assert row["emollama"] is None
        else:
            assert row["emollama"].dtype == np.float16
            np.testing.assert_array_equal(row["emollama"], states(number))


def test_a_directory_without_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Parquet file is missing"):
        ParquetRows([], str(tmp_path))


def test_a_file_that_is_missing_is_named(directory: Path) -> None:
    lost = sorted((directory / "data").iterdir())[1]
    lost.unlink()
    with pytest.raises(ValueError, match=f"{lost.name} is missing"):
        open_config(directory)


def test_no_thread_is_started(directory: Path) -> None:
    """A thread of pyarrow that outlived the interpreter aborted the process: status 134 after all was done."""
    code = """
import os, sys
from pathlib import Path
from emollama_hf.feature_set.parquet_rows import open_config

rows = open_config(Path(sys.argv[1]))[1]
before = len(os.listdir("/proc/self/task"))
assert sum(table.num_rows for table in rows.tables(["uuid", "emollama"], 2)) == 7
next(rows.tables(["emollama"], 1))  # left before its end
assert len(os.listdir("/proc/self/task")) == before
"""
    second_process.run(code, directory, check=True)
