"""A feature data set on disk: what happens where it cannot be written."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from datasets import Features, Value, load_dataset

from emollama_hf.errors import StoreError
from emollama_hf.feature_set.feature_rows import FeatureRows
from emollama_hf.feature_set.feature_set import write_feature_set
from emollama_hf.feature_set.row_notes import known_rows

KINDS = Features({"n": Value("int32"), "emollama_status": Value("string")})


def rows(count: int) -> FeatureRows:
    def tables(ranges: object) -> object:
        for some in ranges:  # type: ignore[attr-defined]
            yield pa.table([list(some), ["ok"] * len(some)], schema=KINDS.arrow_schema)

    return FeatureRows(None, KINDS, [f"id{i}" for i in range(count)], [[f"k{i}"] for i in range(count)], (), tables)  # type: ignore[arg-type]


def test_what_stands_in_the_way_is_an_error_that_says_what_is_kept(tmp_path: Path) -> None:
    out, work = tmp_path / "out", tmp_path / "work"
    out.mkdir()
    (out / "data").write_text("a file where a folder should be")
    with pytest.raises(StoreError) as told:
        write_feature_set(rows(3), out, work, {}, 2)
    assert str(told.value) == (
        f"{out} cannot be written to (File exists). What was computed is kept: make room or access, and run the same "
        "again."
    )
    assert not (work / "folder").exists(), "nothing unfinished stays"
    (out / "data").unlink()
    assert write_feature_set(rows(3), out, work, {}, 2)
    assert not write_feature_set(rows(3), out, work, {}, 2), "nothing has changed"
    assert load_dataset(str(out), split="train", keep_in_memory=True)["n"] == [0, 1, 2]


def test_the_rows_of_each_file_can_be_found_when_somebody_withdraws(tmp_path: Path) -> None:
    write_feature_set(rows(3), tmp_path / "out", tmp_path / "work", {}, 2)
    known = known_rows(tmp_path / "work").values()
    assert sorted([note.keys for note in notes] for notes in known) == [[("k0",), ("k1",)], [("k2",)]]
