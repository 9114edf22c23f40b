"""Every program of `examples/` runs on small clips, as a program of its own, and says what it should."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from datasets import load_dataset

from emollama_hf.demo import corpus
from emollama_hf.frames import demo_clips
from tests import second_process
from tests.second_process import ROOT

EXAMPLES = ROOT / "examples"


def run(name: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    script = EXAMPLES / name
    return second_process.run(script.read_text(), *arguments, cwd=cwd, script=script)


@pytest.fixture
def clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two clips of a third of a second, and a file that is no clip."""
    monkeypatch.setattr(demo_clips, "_FRAMES", 8)
    demo_clips.write_demo_clips(tmp_path / "clips")
    (tmp_path / "clips" / "broken.mp4").write_bytes(b"no clip")
    return tmp_path / "clips"


def test_every_example_is_run_here() -> None:
    named = re.findall(r'"(\w+\.py)"', Path(__file__).read_text())
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(named)


def test_labelled_clips_become_features_and_the_features_a_classifier(clips: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in clips.iterdir())
    people = ["P3", "P5"]  # of which one is in the tested fifth
    rows = [f"{name},{people[row % 2]},{'MW' if row % 2 else 'NonMW'}\n" for row, name in enumerate(names)]
    (tmp_path / "labels.csv").write_text("file_name,participant_id,mw_label\n" + "".join(rows))
    extracted = run("folder_to_features.py", "clips", "features", "--labels", "labels.csv", cwd=tmp_path)
    assert extracted.returncode == 0, extracted.stderr
    assert sorted(extracted.stdout.splitlines()) == ["not_a_video: 1", "ok: 2"]
    trained = run("classify_features.py", "features", "--label", "mw_label", "--group", "participant_id", cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert re.fullmatch(r"1 tested, \d+% right; always the most frequent label: \d+%\n", trained.stdout)


def test_a_stream_of_clips(clips: Path, tmp_path: Path) -> None:
    streamed = run("stream_clips.py", "clips", cwd=tmp_path)
    assert streamed.returncode == 0, streamed.stderr
    broken, first, second = streamed.stdout.splitlines()
    assert broken.startswith("broken.mp4: clip 'clips/broken.mp4': FFmpeg finds no video")
    assert [first, second] == ["demo_dark_cut.mp4: 32 values", "demo_pan_zoom.mp4: 32 values"]


def test_a_stage_of_ones_own_adds_its_column(tmp_path: Path) -> None:
    made = corpus(tmp_path / "clips", participants=2, clips=2, movement=6.0, light=0.0)
    added = run("movement_stage.py", "clips", "clips/labels.csv", "features", cwd=tmp_path)
    assert added.returncode == 0, added.stderr
    assert added.stdout == "4 of 4 clips have features\n"
    ds = load_dataset(str(tmp_path / "features"), split="train")
    assert {"movement", "facemae", "videomae"} <= set(ds.column_names)
    by_name = {row["file_name"]: (row["mw_label"], np.mean(row["movement"])) for row in ds}
    assert set(by_name) == {path.name for path in made.clips}
    moving = [value for label, value in by_name.values() if label == "MW"]
    assert min(moving) > max(value for label, value in by_name.values() if label == "NonMW")
