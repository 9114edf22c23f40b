"""A row's keys hang on its content alone: neither on its place nor on what is read together with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from datasets import Dataset

from emollama_hf import extract
from emollama_hf.console import timing
from emollama_hf.planning.row_keys import BATCH_ROWS, row_keys
from emollama_hf.stages.pipeline import build_pipeline
from tests.extraction.crops import OPTIONS, crops, write_crops

PIPELINE = build_pipeline("random-tiny", stages=["sample_frames"], present=["frames"], **OPTIONS)


@pytest.mark.parametrize("count", [1, BATCH_ROWS - 1, BATCH_ROWS, BATCH_ROWS + 1, 2 * BATCH_ROWS + 1])
def test_each_row_has_the_key_that_it_has_alone(count: int, tmp_path: Path) -> None:
    ds = crops(tmp_path, *range(count))
    read: list[int] = []
    keys = row_keys(ds, PIPELINE, advance=read.append)["sample_frames"]
    assert len(set(keys)) == len(keys) == sum(read) == count
    last = [count - 1, 0]
    assert row_keys(ds, PIPELINE, last)["sample_frames"] == [keys[row] for row in last]
    assert row_keys(ds.select([count - 1]), PIPELINE)["sample_frames"] == keys[-1:]


def test_a_row_that_cannot_be_read_has_none_and_its_neighbours_have_theirs(tmp_path: Path) -> None:
    paths = write_crops(tmp_path, 1, 2, 3)
    ds = Dataset.from_dict({"frames": paths})
    whole = row_keys(ds, PIPELINE)["sample_frames"]
    Path(paths[1]).unlink()
    assert row_keys(ds, PIPELINE)["sample_frames"] == [whole[0], None, whole[2]]


def test_a_row_that_comes_with_a_failure_is_passed_on_uncomputed(tmp_path: Path) -> None:
    ds = crops(tmp_path / "clips", 1, 2, 3)
    ds = ds.add_column("emollama_status", ["ok", "no_frames", None]).add_column("emollama_error", [None, "empty", None])
    timing.reset()
    done = extract(ds, "random-tiny", out=tmp_path / "out", stages=["sample_frames"], **OPTIONS)
    assert timing.stage_times()["sample_frames"].rows == 2
    assert done["emollama_status"] == ["ok", "no_frames", "ok"]
    assert done["emollama_error"] == [None, "empty", None]
    assert [row["peak_index"] for row in done] == [8, None, 8]
