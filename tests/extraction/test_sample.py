"""`extract(sample=N)`: a first look whose clips are stored and not computed again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, load_dataset

from emollama_hf import extract, load
from emollama_hf.engines.workers import Workers
from emollama_hf.errors import ClipError
from emollama_hf.extraction.open_run import open_run
from emollama_hf.extraction.run import Run
from emollama_hf.extraction.sample import take_sample
from emollama_hf.planning.computation import Report
from tests.videos import pan, write_video

#: Frames of each clip, in the order of the rows.
FRAMES = (4, 16, 6, 24, 8, 12)


@pytest.fixture(scope="module")
def ds(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Six clips of different lengths, and one that is text."""
    folder = tmp_path_factory.mktemp("clips")
    paths = [write_video(folder / f"{i}.mp4", pan(count, (96, 72))) for i, count in enumerate(FRAMES)]
    (folder / "text.mp4").write_text("no video at all")
    rows = [*map(str, paths), str(folder / "text.mp4")]
    return Dataset.from_dict({"video": rows, "label": list("abcdefg")})


def opened(ds: Dataset, out: Path | None = None, **options: object) -> Run:
    return open_run(
        ds, "random-tiny", stages=None, out=out, on_error="null", keep=(), overwrite=False, retry_failed=False,
        peak="middle", **options,  # type: ignore[arg-type]
    )  # fmt: skip


def test_the_sampled_rows_come_back_and_out_gets_no_data_set(ds: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "features"
    done = extract(ds, "random-tiny", sample=3, out=out, peak="middle")
    # Thirds by file size: the text (g) and a, c and e, and the three longest.
    assert [label for label in done["label"] if label in "aceg"] == ["e", "g"]
    assert done["emollama_status"] == ["ok", "ok", "not_a_video"]
    assert [path.name for path in out.iterdir()] == [".cache"]
    with pytest.raises(FileNotFoundError, match="doesn't contain any data files"):
        load(str(out))


def test_the_work_is_not_done_twice(ds: Dataset, tmp_path: Path) -> None:
    first = opened(ds, tmp_path / "f")
    taken = take_sample(first, 3, Workers())
    assert taken.computed == 3
    whole = opened(ds, tmp_path / "f")
    done = whole.finish(Workers(), shard_rows=None)
    assert whole.computed == len(ds) - 3
    for index, row in enumerate(taken.rows):
        np.testing.assert_array_equal(taken.ds[index]["emollama"], done[row]["emollama"])
    assert len(load_dataset(str(tmp_path / "f"), split="train")) == len(ds)


def test_the_values_are_those_of_a_run_without_a_sample(ds: Dataset, tmp_path: Path) -> None:
    extract(ds, "random-tiny", sample=4, out=tmp_path / "f", peak="middle")
    resumed = extract(ds, "random-tiny", out=tmp_path / "f", peak="middle")
    at_once = extract(ds, "random-tiny", out=tmp_path / "g", peak="middle")
    assert resumed[:] == at_once[:]


def test_a_second_sample_is_of_other_clips_and_the_last_one_shows_known_ones(ds: Dataset, tmp_path: Path) -> None:
    labels: list[str] = []
    for _ in range(2):
        labels += extract(ds, "random-tiny", sample=3, out=tmp_path / "f", peak="middle")["label"]
    assert len(set(labels)) == 6
    last = take_sample(opened(ds, tmp_path / "f"), 9, Workers())
    assert last.computed == 1
    assert {*labels, *last.ds["label"]} == set(ds["label"])
    known = take_sample(opened(ds, tmp_path / "f"), 4, Workers())
    assert known.computed == 0
    assert not known.parts
    assert len(known.ds) == 4
    assert not any(known.stored_bytes)


def test_what_fails_counts(ds: Dataset) -> None:
    done = extract(ds, "random-tiny", sample=100, peak="middle")
    assert done["label"] == ds["label"]
    assert done["emollama_status"] == [*["ok"] * 6, "not_a_video"]
    with pytest.raises(ClipError, match=r"text\.mp4"):
        extract(ds, "random-tiny", sample=7, peak="first", on_error="raise")


def test_files_that_do_not_exist_are_told_and_nothing_is_computed() -> None:
    done = extract(Dataset.from_dict({"video": ["no.mp4", "none.mp4"]}), "random-tiny", sample=1)
    assert done["emollama_status"] == ["missing_file"]


def test_frames_without_files(stacks: list[np.ndarray]) -> None:
    """A data set that holds its pictures, whose rows no file names."""
    held = Dataset.from_dict({"frames": [*stacks, None]})
    done = extract(held, "random-tiny", sample=2, faces="none", crop="none", peak="middle")
    assert done["emollama_status"] == ["ok", "ok"]
    everything = extract(held, "random-tiny", sample=9, faces="none", crop="none", peak="middle")
    assert everything[-1]["emollama_error"].startswith("row 6 of the data set: ")


def test_several_processes_compute_it_and_what_each_clip_took_comes_back(ds: Dataset, tmp_path: Path) -> None:
    taken = take_sample(opened(ds, tmp_path / "f"), 4, Workers(num_proc=2))
    costs = taken.watch.costs(in_turn=True, here=False)
    assert sorted(costs.of_clips) == [0, 1, 2, 3]
    assert all(spent["sample_frames"] > 0 for spent in costs.of_clips.values())
    assert len({one.report.worker for one in taken.watch.seen}) == 2


def test_an_interrupted_sample_says_what_is_stored(ds: Dataset, tmp_path: Path) -> None:
    run = opened(ds, tmp_path / "f").select([0, 2, 5])

    def interrupt(report: Report) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="1 of 3 sampled clips stored, run the same again for the others"):
        run.finish(Workers(), shard_rows=None, watch=interrupt)


@pytest.mark.parametrize("sample", [0, -3, True, 2.0, "8"])
def test_a_number_that_means_nothing(ds: Dataset, sample: object) -> None:
    with pytest.raises(ValueError, match=r"sample=.*expected a whole number of at least 1"):
        extract(ds, "random-tiny", sample=sample)  # type: ignore[arg-type]


def test_a_sample_is_not_of_failed_clips(ds: Dataset) -> None:
    with pytest.raises(ValueError, match="Leave one of them out"):
        extract(ds, "random-tiny", sample=2, retry_failed=True)
