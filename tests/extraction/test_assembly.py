"""Rows that lie in shards come out in the data set's order, each with its own values, in pieces of any size."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, Features, Value, concatenate_datasets, load_dataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emollama_hf import extract
from emollama_hf.extraction import assembly
from emollama_hf.extraction.assembly import Stretch, _Stretches
from emollama_hf.extraction.open_run import open_run
from emollama_hf.feature_set import feature_rows
from emollama_hf.feature_set.feature_rows import FeatureRows
from emollama_hf.work_store.shard import Shard
from emollama_hf.work_store.work_store import Stored
from tests.extraction.crops import OPTIONS, crops

GOOD, BAD = 6, 2
STAGES = {"stages": ["sample_frames"], "keep": "facemae_frames", **OPTIONS, "peak": "column:apex"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six clips with features and two that fail, computed in two runs, in shards of two and three rows."""
    folder = tmp_path_factory.mktemp("lab")
    extract(clips(folder, 4, 1, 6, 0), "random-tiny", out=folder / "out", shard_rows=2, **STAGES)
    extract(clips(folder, *range(GOOD + BAD)), "random-tiny", out=folder / "out", shard_rows=3, **STAGES)
    return folder


def clips(folder: Path, *numbers: int) -> Dataset:
    """Rows of these clips, the peak of each at another frame; those from `GOOD` on have none that is there."""
    apex = Dataset.from_dict({"apex": [number if number < GOOD else 99 for number in numbers]})
    return concatenate_datasets([crops(folder / "clips", *numbers), apex], axis=1)


@pytest.fixture(scope="module")
def expected(lab: Path) -> dict[int, dict[str, Any]]:
    """What each clip comes to by itself."""
    return {
        number: extract(clips(lab, number), "random-tiny", out=lab / f"alone-{number}", **STAGES)[0]
        for number in range(GOOD + BAD)
    }


def same(rows: Dataset, numbers: list[int], expected: dict[int, dict[str, Any]]) -> None:
    assert len(rows) == len(numbers)
    for row, number in zip(rows, numbers, strict=True):
        alone = expected[number]
        assert row["emollama_status"] == alone["emollama_status"]
        assert row["label"] == alone["label"]
        assert row["emollama_error"] is None if number < GOOD else f"{number}.npy" in row["emollama_error"]
        assert row["peak_index"] == (number if number < GOOD else None)
        np.testing.assert_array_equal(_no_nan(row["facemae_frames"]), _no_nan(alone["facemae_frames"]))


def _no_nan(crops: Any) -> np.ndarray | None:
    """None for a null, which `datasets` 4.0 gives as an array of NaN."""
    array = np.asarray(crops, np.float64)
    return None if np.isnan(array).all() else array


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    numbers=st.lists(st.integers(0, GOOD + BAD - 1), min_size=1, max_size=9),
    piece=st.sampled_from([1, 700, 110_000, 10**7]),  # a row has 340 bytes, and 50,000 with its crops
    file_rows=st.sampled_from([1, 2, 4, 100]),
    scattered=st.booleans(),
)
def test_rows_in_any_order_have_their_own_values_whatever_is_read_at_a_time(
    lab: Path, expected: dict[int, dict[str, Any]], numbers: list[int], piece: int, file_rows: int, scattered: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feature_rows, "PIECE_BYTES", piece)
        patch.setattr(assembly, "BATCH_BYTES", piece)
        if scattered:
            patch.setattr(assembly, "MOST_STRETCHES", 0)
        done = extract(
            clips(lab, *numbers), "random-tiny", out=lab / "out", shard_rows=file_rows, existing="replace", **STAGES
        )
    same(done, numbers, expected)
    same(load_dataset(str(lab / "out"), split="train", keep_in_memory=True), numbers, expected)
    files = [len(load_dataset("parquet", data_files=str(path), split="train", keep_in_memory=True))
             for path in sorted((lab / "out" / "data").iterdir())]  # fmt: skip
    assert files == [min(file_rows, len(numbers) - start) for start in range(0, len(numbers), file_rows)]


def test_four_clips_of_one_shard_read_one_by_one(
    lab: Path, expected: dict[int, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As clips of real size are: 16 MB hold six of them, and later ones got the features of the first."""
    monkeypatch.setattr(feature_rows, "PIECE_BYTES", 1)
    extract(clips(lab, 0, 1, 2, 3), "random-tiny", out=tmp_path / "out", **STAGES)
    same(load_dataset(str(tmp_path / "out"), split="train", keep_in_memory=True), [0, 1, 2, 3], expected)


def test_neighbours_in_one_shard_are_mapped_together(lab: Path) -> None:
    """`datasets` takes time that grows with the square of the pieces of a table."""
    options = {"on_error": "null", "overwrite": True, "retry_failed": False, **STAGES}
    for numbers, expected in (([4, 1], [2]), ([4, 1, 4, 1], [2, 2]), ([1, 4], [1, 1])):
        run = open_run(clips(lab, *numbers), "random-tiny", out=lab / "out", **options)
        found = assembly.Assembly(run.computation, {})._stretches(run.pipeline.stages[0])
        assert [one.rows for one in found] == expected


def test_any_changed_row_or_label_makes_a_file_another_one() -> None:
    def content(rows: range, ids: str = "abcd", labels: str = "wxyz") -> str:
        given = Dataset.from_dict({"label": list(labels)})
        return FeatureRows(given, Features({"n": Value("int32")}), list(ids), [], (), lambda ranges: iter(())).content(
            rows
        )

    middle = range(1, 3)
    changed = [content(middle, "aBcd"), content(middle, "abCd"), content(middle, labels="wXyz"),
               content(middle, labels="wxYz"), content(range(1, 4)), content(range(3))]  # fmt: skip
    assert len({content(middle), *changed}) == 7
    assert content(middle) == content(middle, "AbcD", "WxyZ"), "rows of other files"


#: Stretches of one shard or of none, by their numbers of rows.
stretches = st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=1, max_size=6)


@given(stretches=stretches, cuts=st.sets(st.integers(1, 29)), skipped=st.sets(st.integers(0, 29)))
def test_any_ascending_ranges_of_rows_are_found(
    stretches: list[tuple[int, bool]], cuts: set[int], skipped: set[int]
) -> None:
    shard = Shard(Path("shard"), {}, {})
    runs, positions = [], []  # where each row lies, None for a row without values
    for number, (rows, is_stored) in enumerate(stretches):
        runs.append(Stretch(Stored(shard, 100 * number) if is_stored else None, rows))
        positions += [100 * number + row if is_stored else None for row in range(rows)]
    count = len(positions)
    edges = [0, *sorted(cut for cut in cuts if cut < count), count]
    found = _Stretches(runs)
    for number, (start, stop) in enumerate(itertools.pairwise(edges)):
        if number not in skipped:
            assert list(_positions(found.between(start, stop))) == positions[start:stop]


def _positions(stretches: Iterator[Stretch]) -> Iterator[int | None]:
    for one in stretches:
        yield from (None if one.stored is None else one.stored.at + row for row in range(one.rows))
