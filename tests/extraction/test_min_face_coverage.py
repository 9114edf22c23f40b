"""Clips that show few faces or none: `extract` ends with how many, and `min_face_coverage` makes them fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from typer.testing import CliRunner

from emollama_hf import ClipError, SampleFrames, extract
from emollama_hf.cli import app
from emollama_hf.commands import extract as command
from emollama_hf.feature_set.shrinking import ExistingRowsError
from emollama_hf.frames.faces.face_coverage import check_min_face_coverage, coverage_note, too_few_faces
from emollama_hf.planning.row_keys import stage_identity
from tests import videos

#: Stages and settings that cost little.
CHEAP: dict[str, Any] = {"stages": ["facemae_embed"], "peak": "middle", "size": 16, "num_frames": 4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips with a face in all, in half and in none of four sampled frames."""
    folder = tmp_path_factory.mktemp("clips")
    shown = list(videos.pan(12))
    hidden = [videos.hide_face(frame) if number < 6 else frame for number, frame in enumerate(shown)]
    for name, frames in {"all": shown, "half": hidden, "none": videos.no_face(12)}.items():
        videos.write_video(folder / f"{name}.mp4", frames, fps=2)
    return folder


@pytest.fixture(scope="module")
def ds(folder: Path) -> Dataset:
    return Dataset.from_dict({"video": [str(folder / f"{name}.mp4") for name in ("all", "half", "none")]})


def shards(out: Path) -> list[list[str]]:
    """The stages of each shard of the work store, in the order in which they were written."""
    manifests = sorted((out / ".cache/huggingface/emollama_hf/shards").glob("*/manifest.json"))
    return [sorted(json.loads(manifest.read_text())["stages"]) for manifest in manifests]


def test_another_share_gives_other_statuses_and_computes_nothing(ds: Dataset, tmp_path: Path) -> None:
    first = extract(ds, "random-tiny", out=tmp_path, **CHEAP)
    assert first["emollama_status"] == ["ok", "ok", "ok"]
    assert first["face_coverage"] == [1.0, 0.5, 0.0]
    written = shards(tmp_path)
    for least, statuses in {
        0.7: ["ok", "no_face", "no_face"], 1e-9: ["ok", "ok", "no_face"], 0: ["ok"] * 3,
    }.items():  # fmt: skip
        done = extract(ds, "random-tiny", out=tmp_path, min_face_coverage=least, **CHEAP)
        assert done["emollama_status"] == statuses
        for row, status in enumerate(statuses):
            assert done[row]["facemae"] == (first[row]["facemae"] if status == "ok" else None)
        read = Dataset.from_parquet([str(path) for path in sorted(tmp_path.glob("data/*.parquet"))])
        assert read["emollama_status"] == statuses, "the files on disk are no older"
    assert shards(tmp_path) == written


def test_the_filters_that_people_copy_keep_the_clips_with_faces(ds: Dataset, tmp_path: Path) -> None:
    extract(ds, "random-tiny", out=tmp_path, **CHEAP)
    for page in (tmp_path / "README.md", Path(__file__).parents[2] / "docs" / "runs.md"):
        filters = [line for line in page.read_text().splitlines() if line.startswith("ds = ds.filter(")]
        names = {"ds": Dataset.from_parquet([str(path) for path in tmp_path.glob("data/*.parquet")])}
        exec("\n".join(filters), names)
        assert list(names["ds"]["face_coverage"]) == [1.0]


def test_no_card_filters_by_faces_that_nobody_looked_for(ds: Dataset, tmp_path: Path) -> None:
    extract(ds, "random-tiny", out=tmp_path, faces="none", **CHEAP)
    assert "share >=" not in (tmp_path / "README.md").read_text()


def test_what_was_refused_is_not_decoded_again_when_it_is_accepted(ds: Dataset, tmp_path: Path) -> None:
    strict = extract(ds, "random-tiny", out=tmp_path, min_face_coverage=0.7, **CHEAP)
    assert strict["emollama_status"] == ["ok", "no_face", "no_face"]
    assert "no face in any sampled frame, expected at least 70%" in strict[2]["emollama_error"]
    before = shards(tmp_path)
    assert extract(ds, "random-tiny", out=tmp_path, **CHEAP)["emollama_status"] == ["ok"] * 3
    assert shards(tmp_path)[len(before) :] == [["facemae_embed"]]


def test_with_on_error_raise_the_clip_is_named_also_when_it_is_known(ds: Dataset, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ClipError, match=r"half\.mp4.*a face in 50% of the sampled frames.*0\.7") as caught:
            extract(ds, "random-tiny", out=tmp_path, min_face_coverage=0.7, on_error="raise", **CHEAP)
        assert caught.value.kind == "no_face"


def test_extract_says_which_clips_show_few_faces(ds: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    line = "1 clip without a face, 1 below 70 %"
    extract(ds, "random-tiny", **CHEAP)
    assert line in caplog.text
    for rows, options in ((ds.select([0]), {}), (ds, {"faces": "none"}), (ds, {"min_face_coverage": 0.7})):
        caplog.clear()
        extract(rows, "random-tiny", **CHEAP, **options)
        assert "70 %" not in caplog.text


def test_the_command_line_prints_it_and_has_the_option(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It would set up logging and progress bars for all tests of this process.
    monkeypatch.setattr(command, "quiet_unless_terminal", lambda **_: None)
    arguments = ["extract", str(folder), "--model", "random-tiny", "--out", str(tmp_path), "--peak", "middle"]
    arguments += ["--pooling", "mean"]
    plain = CliRunner().invoke(app, arguments)
    assert plain.exit_code == 0
    assert "without a face" in plain.output
    strict = CliRunner().invoke(app, [*arguments, "--min-face-coverage", "0.7"])
    assert strict.exit_code == 3
    assert "0 computed now, 3 known from before." in strict.output
    assert "2 no_face" in strict.output
    assert "without a face" not in strict.output
    status = CliRunner().invoke(app, [*arguments, "--min-face-coverage", "0.7", "--status"])
    assert "3 clips, 1 ok, 2 failed, 0 not computed yet" in status.output


def test_map_fails_the_row(ds: Dataset) -> None:
    options: dict[str, Any] = {name: CHEAP[name] for name in ("peak", "size", "num_frames")}
    strict = SampleFrames(min_face_coverage=0.7, on_error="null", **options)
    result = strict({"video": ds["video"][:]})
    assert result["emollama_status"] == ["ok", "no_face", "no_face"]
    assert [result["facemae_frames"][row] is None for row in range(3)] == [False, True, True]
    with pytest.raises(ClipError, match=r"half\.mp4"):
        SampleFrames(min_face_coverage=0.7, **options)({"video": ds["video"][:]})
    plain = SampleFrames(on_error="null", **options)
    assert plain.fingerprint != strict.fingerprint
    assert "min_face_coverage" not in plain.resolved_config()
    assert stage_identity(plain) == stage_identity(strict), "the same values"


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan"), "0.7", True, None], ids=str)
def test_what_is_no_share_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"min_face_coverage=.*from 0 .* to 1"):
        SampleFrames(min_face_coverage=value)


def test_nobody_can_ask_for_faces_where_nobody_looks_for_them() -> None:
    with pytest.raises(ValueError, match="would have no effect"):
        SampleFrames(faces="none", min_face_coverage=0.5)
    check_min_face_coverage(0, "none")


def test_a_share_is_reached_by_as_many_frames_whatever_the_rounding() -> None:
    for frames in range(1, 40):
        for seen in range(frames + 1):
            share = float(np.float32(seen / frames))  # as it is stored
            assert too_few_faces(share, seen / frames) is None
            assert seen == frames or too_few_faces(share, (seen + 1) / frames) is not None
    assert too_few_faces(float("nan"), 1) is None


@pytest.mark.parametrize(
    ("coverages", "note"),
    [
        ([0, 0, *[0.5] * 7, 1, None, float("nan")], "2 clips without a face, 7 below 70 %"),
        ([0, 1], "1 clip without a face"),
        ([0.6, float(np.float32(0.7))], "1 clip below 70 % face coverage"),
        ([1.0, None, float("nan")], None),
        ([], None),
    ],
)
def test_the_note_counts_each_clip_once(coverages: list[float | None], note: str | None) -> None:
    assert coverage_note(coverages) == note


@pytest.mark.parametrize(
    ("there", "here", "message"),
    [(0.7, 0, "min_face_coverage: 0.7 there, not set here"), (0, 0.7, "min_face_coverage: not set there, 0.7 here")],
)
def test_rows_of_another_share_are_not_added(
    there: float, here: float, message: str, ds: Dataset, tmp_path: Path
) -> None:
    only: dict[str, Any] = {**CHEAP, "stages": ["sample_frames"]}
    extract(ds.select([0]), "random-tiny", out=tmp_path, min_face_coverage=there, **only)
    with pytest.raises(ExistingRowsError, match=message):
        extract(ds.select([2]), "random-tiny", out=tmp_path, min_face_coverage=here, existing="add", **only)
