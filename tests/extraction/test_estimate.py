"""`estimate`: what the rest of a run takes, from a sample of it."""

from __future__ import annotations

import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

import emollama_hf
from emollama_hf import estimate, extract
from emollama_hf.engines.workers import Workers
from emollama_hf.extraction.estimate import Estimate, estimate_of
from emollama_hf.extraction.open_run import open_run
from emollama_hf.extraction.sample import take_sample
from emollama_hf.work_store.work_store import INSIDE_OUT
from tests.videos import mirrored, pan, write_video

FRAMES = (3, 20, 4, 12, 5, 8, 60, 3, 16, 6, 30, 10)
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(scope="module")
def ds(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Twelve clips whose lengths differ by a factor of twenty."""
    folder = tmp_path_factory.mktemp("clips")
    paths = []
    for i, count in enumerate(FRAMES):  # two have three frames, and must not be one clip
        frames = pan(count, (96, 72))
        paths.append(write_video(folder / f"{i:02}.mp4", frames if i % 2 else mirrored(frames)))
    return Dataset.from_dict({"video": list(map(str, paths)), "label": list("abcdefghijkl")})


def stored(out: Path) -> int:
    return sum(path.stat().st_size for path in (out / INSIDE_OUT / "shards").rglob("*") if path.is_file())


def test_the_disk_of_the_rest_is_what_it_was_said_to_be(ds: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "features"
    found = estimate(ds, "random-tiny", sample=4, out=out, peak="middle")
    assert (found.rows, found.computed, found.left) == (12, 4, 8)
    assert [path.name for path in out.iterdir()] == [".cache"]
    before = stored(out)
    extract(ds, "random-tiny", out=out, peak="middle")
    # Four of twelve clips, whose stored crops differ by a factor of two.
    assert found.store.expected == pytest.approx(stored(out) - before, rel=0.25)
    assert found.folder == pytest.approx(sum(path.stat().st_size for path in (out / "data").iterdir()), rel=0.1)
    assert 0 < found.time.low <= found.time.expected <= found.time.high
    # Of what the times of one run differ by on a busy machine this says nothing; that it is no other unit, it does.
    assert found.time.expected < 600


def test_what_it_says(ds: Dataset, tmp_path: Path) -> None:
    found = estimate(ds, "random-tiny", sample=4, out=tmp_path / "f", peak="middle")
    assert found.limit is not None
    assert found.in_turn
    assert [load.kind for load in found.loads[:2]] == ["reading", "networks"]
    said = str(found)
    assert said.startswith("Time: about ")
    assert "for the other 8 clips" in said
    assert "What limits it: " in said
    assert "Each clip goes through all in turn" in said
    assert "Disk: the work store grows by " in said
    assert "computing on cpu in float32" in said
    assert "This process has held " in said


def test_columns_that_came_are_written_too_and_without_out_nothing_is(ds: Dataset, tmp_path: Path) -> None:
    long = ds.add_column("note", ["x" * 200 + str(i) for i in range(len(ds))])
    short, with_notes, nowhere = (
        estimate(one, "random-tiny", sample=3, out=out, peak="middle", include=include)
        for one, out, include in ((ds, tmp_path / "a", ()), (long, tmp_path / "b", ("note",)), (ds, None, ()))
    )
    assert with_notes.folder > short.folder
    assert (nowhere.folder, nowhere.folder_s) == (0, 0.0)
    assert nowhere.store.expected > 0


def test_nothing_is_left(ds: Dataset, tmp_path: Path) -> None:
    extract(ds, "random-tiny", out=tmp_path / "f", peak="middle")
    found = estimate(ds, "random-tiny", out=tmp_path / "f", peak="middle")
    assert (found.computed, found.left, found.loads, found.limit) == (0, 0, (), None)
    assert found.store.expected == 0
    assert str(found).startswith("Time: no clip is left to compute")
    assert len(found.sampled) == 8


def test_a_sample_of_all_leaves_the_files_to_write(ds: Dataset, tmp_path: Path) -> None:
    found = estimate(ds, "random-tiny", sample=99, out=tmp_path / "f", peak="middle")
    assert (found.computed, found.left) == (12, 0)
    assert found.time.expected == pytest.approx(found.folder_s)
    assert found.folder > 0


def test_half_of_the_files_are_no_videos(ds: Dataset, tmp_path: Path) -> None:
    """Their part of the disk is not counted, and it says so."""
    for index in range(12):
        (tmp_path / f"text{index}.mp4").write_text(f"no video {index}" * 500 * (index + 1))
    mixed = Dataset.from_dict({"video": [*ds["video"], *(str(path) for path in sorted(tmp_path.glob("*.mp4")))]})
    found = estimate(mixed, "random-tiny", sample=8, out=tmp_path / "f", peak="middle")
    failed = found.statuses["not_a_video"]
    assert 0 < failed < 8
    a_clip = estimate(ds, "random-tiny", sample=3, out=tmp_path / "g", peak="middle").store.expected / 9
    assert found.store.expected < 0.9 * 16 * a_clip
    assert f"{failed} of 8 sampled clips failed ({failed} not_a_video)" in str(found)


def test_equal_clips_are_computed_once_and_written_each(ds: Dataset, tmp_path: Path) -> None:
    twice = Dataset.from_dict({"video": [*ds["video"], *ds["video"]]})
    found = estimate(twice, "random-tiny", sample=4, out=tmp_path / "f", peak="middle")
    once = estimate(ds, "random-tiny", sample=4, out=tmp_path / "g", peak="middle")
    assert (found.rows, found.left) == (24, 8)
    assert found.folder == pytest.approx(2 * once.folder, rel=0.2)


def test_readers_work_beside_the_models_and_more_of_them_take_less_time(ds: Dataset, tmp_path: Path) -> None:
    """The same sample, divided among other workers: no rate of the sample itself is used."""
    run = open_run(
        ds, "random-tiny", stages=None, out=tmp_path / "f", on_error="null", keep=(), overwrite=False,
        retry_failed=False, peak="middle",
    )  # fmt: skip
    taken = take_sample(run, 3, Workers(num_readers=2))
    two = estimate_of(run, taken, Workers(num_readers=2))
    assert not two.in_turn
    assert [load.called for load in two.loads] == ["2 reader processes", "this process", "this process"]
    assert "side by side" in str(two)
    one = estimate_of(run, taken, Workers(num_readers=1))
    assert two.loads[0].needs.low == pytest.approx(one.loads[0].needs.low / 2)
    assert two.loads[1].needs == one.loads[1].needs
    eight = str(estimate_of(run, taken, Workers(num_readers=8)))
    assert "8 clips are taken at a time, and the sample has 3" in eight
    slowest = max(load.needs.expected for load in two.loads)
    assert two.time.expected == pytest.approx(slowest + two.start_s + two.folder_s)


def test_a_disk_that_is_too_small_is_said_before(ds: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9 - 1000, 1000))
    found = estimate(ds, "random-tiny", sample=2, out=tmp_path / "f", peak="middle")
    assert not found.fits_disk
    assert "This may not fit: up to " in str(found)


def test_what_a_gpu_has_given_is_said(ds: Dataset) -> None:
    """No GPU is here: what torch would say is put in."""
    found = replace(estimate(ds, "random-tiny", sample=1, peak="middle"), gpu_peak=6_500_000_000)
    assert "Of its GPU's memory it has taken 6.5 GB." in str(found)


def test_one_clip_is_a_guess(ds: Dataset) -> None:
    found = estimate(ds, "random-tiny", sample=1, peak="middle")
    assert "One clip says nothing of how others differ" in str(found)
    assert found.store.low < found.store.expected < found.store.high


def test_a_stage_without_a_network_has_no_memory_to_predict(ds: Dataset) -> None:
    found = estimate(ds, stages="sample_frames", sample=2, peak="middle")
    assert found.memory is None
    assert found.loads[0].kind == "reading"
    assert "Memory: This process has held " in str(found)


@pytest.mark.parametrize("sample", [0, -1, True, 1.5, "8"])
def test_a_number_that_means_nothing(ds: Dataset, sample: Any) -> None:
    with pytest.raises(ValueError, match=r"sample=.*expected a whole number of at least 1"):
        estimate(ds, "random-tiny", sample=sample)


def test_it_is_public() -> None:
    assert "estimate" in emollama_hf.__all__
    assert "push_adapter" in emollama_hf.__all__
    assert isinstance(emollama_hf.push_adapter.__doc__, str)
    assert Estimate.__doc__
