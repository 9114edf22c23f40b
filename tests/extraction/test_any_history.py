"""Whatever was computed before, in whatever order: a run gives the rows of its data set, as if it were the first."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, load_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from emollama_hf import extract
from emollama_hf.console import timing
from tests.extraction.crops import OPTIONS, crops

CLIPS = 5

run = st.fixed_dictionaries(
    {
        "clips": st.lists(st.integers(0, CLIPS - 1), min_size=1, max_size=7),
        "shard_rows": st.sampled_from([1, 2, 3, None]),
        "peak": st.sampled_from(["middle", "first"]),
    }
)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, str], Any]:
    """Hidden states of each clip under each peak rule, computed by themselves."""
    folder = tmp_path_factory.mktemp("alone")
    return {
        (clip, peak): np.asarray(
            extract(crops(folder, clip), "random-tiny", out=folder / f"{clip}-{peak}", **{**OPTIONS, "peak": peak})[0][
                "emollama"
            ]
        )
        for clip in range(CLIPS)
        for peak in ("middle", "first")
    }


@given(st.lists(run, min_size=1, max_size=4))
@settings(deadline=None, max_examples=12)
def test_any_history_gives_the_same_rows(alone: dict[tuple[int, str], Any], history: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, known = Path(name), set()
        for step in history:
            clips, peak = step["clips"], step["peak"]
            ds: Dataset = crops(folder / "clips", *clips)
            timing.reset()
            options = {**OPTIONS, "peak": peak, "shard_rows": step["shard_rows"]}
            done = extract(ds, "random-tiny", out=folder / "out", existing="replace", **options)
            written = load_dataset(str(folder / "out"), split="train", keep_in_memory=True)
            for row, clip in enumerate(clips):
                np.testing.assert_array_equal(done[row]["emollama"], alone[clip, peak])
                np.testing.assert_array_equal(written[row]["emollama"], alone[clip, peak])
            assert written["label"] == ds["label"]
            new = {(clip, peak) for clip in clips} - known
            times = timing.stage_times()
            assert (times["emollama_embed"].rows if "emollama_embed" in times else 0) == len(new)
            known |= new
