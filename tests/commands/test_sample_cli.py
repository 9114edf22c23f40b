"""`emollama-hf extract --sample` and `--estimate` as a person meets them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.commands.sample import mean_and_deviation
from tests.commands.command_line import run
from tests.videos import pan, write_video

MODEL = ("--model", "random-tiny", "--peak", "middle")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five clips of different lengths, and a text that is called a video."""
    folder = tmp_path_factory.mktemp("clips")
    for count in (4, 8, 12, 20, 30):
        write_video(folder / f"clip{count}.mp4", pan(count, (96, 72)))
    (folder / "text.mp4").write_text("no video at all")
    return folder


def test_a_first_look_then_an_estimate_then_all(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "features"
    looked = run("extract", str(clips), *MODEL, "--out", str(out), "--sample", "2").stdout
    assert looked.startswith("Computed 2 of 6 clips, from small files to large ones (2 clips: 2 ok).")
    assert "clip 'clip4.mp4'" in looked
    assert "seconds of work" in looked
    assert "emollama" in looked
    assert "These weights are random" in looked
    assert "Time:" not in looked
    assert "has no data set with these clips yet" in looked
    assert "an extraction that has not finished" in run("info", str(out), status=1).stderr
    told = run("extract", str(clips), *MODEL, "--out", str(out), "--estimate", "--sample", "3", status=3)
    assert "Computed 3 of 6 clips" in told.stdout
    assert "failed: clip" in told.stderr
    assert "Time: about " in told.stdout
    assert "for the other clip" in told.stdout
    assert "Run the same without --estimate" in told.stdout
    all_of_it = run("extract", str(clips), *MODEL, "--out", str(out), status=3).stdout
    assert "1 computed now, 5 known from before." in all_of_it
    assert "Wrote" in all_of_it
    nothing = run("extract", str(clips), *MODEL, "--out", str(out), "--estimate", status=3).stdout
    assert nothing.startswith("Nothing was left to compute; some of 6 known clips")
    assert "Time: no clip is left to compute" in nothing
    assert "Nothing was written." in nothing


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--sample", "0"), "Invalid value for '--sample': Input should be greater than or equal to 1"),
        (("--sample", "-2"), "Invalid value for '--sample': Input should be greater than or equal to 1"),
        (("--sample", "many"), "Invalid value for '--sample': Input should be a valid integer"),
        (("--sample", "2", "--retry-failed"), "Leave one of them out"),
        (("--estimate", "--status"), "--status computes nothing"),
    ],
)
def test_what_means_nothing_is_an_error(clips: Path, tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    ran = run("extract", str(clips), *MODEL, "--out", str(tmp_path / "f"), *options, status=1)
    assert said in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert not (tmp_path / "f").exists()


def test_the_error_of_the_whole_run_comes_first(clips: Path, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("mine")
    ran = run("extract", str(clips), *MODEL, "--out", str(tmp_path), "--estimate", status=1)
    assert "is not empty and holds no feature data set" in ran.stderr
    assert "Traceback" not in ran.stderr


@given(
    rows=st.lists(st.lists(st.floats(-1e4, 1e4, width=32) | st.just(float("nan")), max_size=5), max_size=7),
    together=st.integers(1, 3),
    offset=st.sampled_from([0.0, 1e6]),
)
def test_mean_and_deviation_of_a_column_are_those_of_all_its_numbers(
    rows: list[list[float]], together: int, offset: float
) -> None:
    arrays = [np.array(row) + offset for row in rows]
    found = mean_and_deviation(arrays[start : start + together] for start in range(0, len(arrays), together))
    numbers = np.concatenate([*arrays, np.zeros(0)])
    numbers = numbers[~np.isnan(numbers)]
    if numbers.size:
        assert found == pytest.approx((numbers.mean(), numbers.std()), rel=1e-6, abs=1e-6)
    else:
        assert found is None


def test_a_column_of_text_has_no_mean() -> None:
    assert mean_and_deviation([["ok"], ["not_a_video"]]) is None
