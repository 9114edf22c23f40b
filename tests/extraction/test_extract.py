"""`extract`: the whole chain, and the directory that plain `load_dataset` opens."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, Video, load_dataset

from emollama_hf import extract
from emollama_hf.errors import ClipError, ModelError
from emollama_hf.frames.demo_clips import write_demo_clips
from emollama_hf.stages import EmoLlamaEmbed
from tests import second_process


@pytest.fixture(scope="module")
def ds(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two clips that work and one that is text."""
    folder = tmp_path_factory.mktemp("clips")
    clips = write_demo_clips(folder)
    (folder / "text.mp4").write_text("no video at all")
    rows = {"video": [str(clips[0]), str(folder / "text.mp4"), str(clips[1])], "label": ["a", "b", "c"]}
    return Dataset.from_dict(rows).cast_column("video", Video())


def test_the_columns_are_added_as_declared(ds: Dataset) -> None:
    done = extract(ds, "random-tiny", peak="middle")
    assert done.column_names[:2] == ["video", "label"]
    assert done.features["emollama"] == EmoLlamaEmbed("random-tiny").features["emollama"]
    assert done["emollama_status"] == ["ok", "not_a_video", "ok"]
    assert done["label"] == ["a", "b", "c"]
    assert not {"facemae_frames", "videomae_frames", "peak_frame"} & set(done.column_names)


def test_failed_clips_change_nothing_for_the_others(ds: Dataset) -> None:
    done = extract(ds, "random-tiny", peak="middle")
    alone = extract(ds.select([2]), "random-tiny", peak="middle")
    np.testing.assert_array_equal(done[2]["emollama"], alone[0]["emollama"])
    assert done[1]["facemae"] is None


def test_on_error_raise_names_the_clip(ds: Dataset) -> None:
    with pytest.raises(ClipError, match=r"text\.mp4"):
        extract(ds, "random-tiny", on_error="raise")


def test_out_opens_without_this_package(ds: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "features"
    done = extract(ds, "random-tiny", out=out, peak="middle", shard_rows=2)
    shards = sorted(path.name for path in (out / "data").iterdir())
    assert [name[:12] for name in shards] == ["train-00000-", "train-00001-"]
    assert f"torch {version('torch')}" in (out / "README.md").read_text(), "the card names the libraries"
    code = f"""
import sys
sys.modules["emollama_hf"] = None  # an import would fail
from datasets import load_dataset
ds = load_dataset({str(out)!r}, split="train", cache_dir={str(tmp_path / "cache")!r})
print(ds.features["emollama"], len(ds), ds[0]["file_name"], ds["emollama_status"])
import numpy as np
np.save({str(tmp_path / "states.npy")!r}, np.asarray(ds[0]["emollama"], np.float16))
"""
    ran = second_process.run(code, with_package=False, check=True)
    assert "float16" in ran.stdout
    np.testing.assert_array_equal(np.load(tmp_path / "states.npy"), np.asarray(done[0]["emollama"], np.float16))


def test_out_holds_no_recording_no_face_and_no_path(ds: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "features"
    extract(ds, "random-tiny", out=out, peak="middle")
    opened = load_dataset(str(out), split="train")
    assert {"video", "peak_frame", "facemae_frames", "videomae_frames"}.isdisjoint(opened.column_names)
    folder = str(Path(ds.cast_column("video", Video(decode=False))[0]["video"]["path"]).parent)
    # Every column but the errors, which quote what a person has to look for, and every other file.
    text = "".join(path.read_text() for path in out.glob("*.*") if path.suffix != ".png" and path.is_file())
    text += str(opened.remove_columns("emollama_error")[:])
    assert folder not in text


def test_directories_of_one_name_are_told_apart(ds: Dataset, tmp_path: Path) -> None:
    """`load_dataset` gave the rows of the first for the second, and the old rows of one that was replaced."""
    for folder, peak in (("a", "middle"), ("b", "first")):
        extract(ds.select([0]), "random-tiny", out=tmp_path / folder / "features", peak=peak)
    peaks = [load_dataset(str(tmp_path / folder / "features"), split="train")[0]["peak_index"] for folder in "ab"]
    assert peaks[0] > 0
    assert peaks[1] == 0
    extract(ds.select([0]), "random-tiny", out=tmp_path / "a" / "features", peak="first")
    assert load_dataset(str(tmp_path / "a" / "features"), split="train")[0]["peak_index"] == 0


def test_a_clip_replaced_under_its_name_is_computed_anew(ds: Dataset, tmp_path: Path) -> None:
    """A cache that knew the clips' names only gave the failure of the file that was there before."""
    clip = tmp_path / "a.mp4"
    clip.write_bytes(b"cut off")
    rows = Dataset.from_dict({"video": [str(clip)]})
    assert extract(rows, "random-tiny", peak="middle")["emollama_status"] == ["not_a_video"]
    clip.write_bytes(Path(ds.cast_column("video", Video(decode=False))[0]["video"]["path"]).read_bytes())
    assert extract(rows, "random-tiny", peak="middle")["emollama_status"] == ["ok"]


def test_provenance_names_given_columns_and_no_stage_that_did_not_run(ds: Dataset, tmp_path: Path) -> None:
    one = ds.select([0])
    sampled = extract(
        one,
        "random-tiny",
        stages="sample_frames",
        peak="middle",
        keep=["facemae_frames", "videomae_frames", "peak_frame"],
    )
    with pytest.raises(ValueError, match=r"peak='first' would have no effect.*peak_frame"):
        extract(sampled, "random-tiny", peak="first")
    extract(sampled, "random-tiny", out=tmp_path / "f")
    provenance = json.loads((tmp_path / "f" / "provenance.json").read_text())["configs"]["default"]
    assert [stage["stage"] for stage in provenance["stages"]] == ["facemae_embed", "videomae_embed", "emollama_embed"]
    assert provenance["given"] == ["facemae_frames", "peak_frame", "videomae_frames"]


def test_messages_are_written_without_folders(ds: Dataset, tmp_path: Path) -> None:
    extract(ds.select([1]), "random-tiny", out=tmp_path / "f", peak="middle")
    message = load_dataset(str(tmp_path / "f"), split="train")[0]["emollama_error"]
    assert message.startswith("clip 'text.mp4'")


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"movie": ["a.mp4"]}, {}, "'video' or 'frames'"),
        ({"video": ["a.mp4"], "frames": ["b"]}, {}, "input="),
        ({"video": ["a.mp4"]}, {"peak": "column:nope"}, "'nope'"),
        ({"video": ["a.mp4"]}, {"peak": "openface:no-such-folder"}, "no such folder"),
        ({"video": ["a.mp4"], "emollama_status": ["hello"]}, {"peak": "first"}, "'hello'"),
        ({"video": []}, {}, "no rows"),
        ({"video": ["a.mp4"]}, {"num_proc": 0}, "num_proc=0"),
    ],
)
def test_what_is_wrong_for_every_row_is_one_error(
    columns: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        extract(Dataset.from_dict(columns), "random-tiny", **options)


def test_kept_columns_are_written(ds: Dataset, tmp_path: Path) -> None:
    done = extract(
        ds.select([0]),
        "random-tiny",
        peak="middle",
        keep=("facemae_frames", "peak_frame"),
        out=tmp_path / "k",
    )
    assert np.asarray(done[0]["facemae_frames"]).shape == (16, 224, 224, 3)
    opened = load_dataset(str(tmp_path / "k"), split="train")
    assert opened[0]["peak_frame"].size == done[0]["peak_frame"].size


def test_stages_may_be_chosen_and_are_built_on(ds: Dataset) -> None:
    encoders = extract(ds, "random-tiny", stages=["sample_frames", "facemae_embed", "videomae_embed"], peak="middle")
    assert "emollama" not in encoders.column_names
    with_states = extract(encoders, "random-tiny", peak="middle")
    whole = extract(ds, "random-tiny", peak="middle")
    np.testing.assert_array_equal(with_states[0]["emollama"], whole[0]["emollama"])


def test_provenance_says_how_it_was_made(ds: Dataset, tmp_path: Path) -> None:
    extract(ds, "random-tiny", out=tmp_path / "f", peak="middle", pooling="6:10")
    provenance = json.loads((tmp_path / "f" / "provenance.json").read_text())["configs"]["default"]
    assert provenance["model"]["random_weights"] is True
    assert provenance["status"] == {"not_a_video": 1, "ok": 2}
    configs = {stage["stage"]: stage["config"] for stage in provenance["stages"]}
    assert configs["emollama_embed"]["pooling"] == "6:10"
    assert configs["sample_frames"]["peak"] == "middle"
    assert "random" in (tmp_path / "f" / "README.md").read_text()


def test_a_directory_of_somebody_else_is_left_alone(ds: Dataset, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("precious")
    with pytest.raises(FileExistsError, match="no feature data set"):
        extract(ds.select([0]), "random-tiny", out=tmp_path / "mine", overwrite=True)
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "notes.txt"]


def test_features_without_their_work_store_are_replaced_only_when_asked(ds: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "f"
    extract(ds.select([0]), "random-tiny", out=out, peak="middle")
    shutil.rmtree(out / ".cache")
    with pytest.raises(FileExistsError, match="overwrite"):
        extract(ds.select([0]), "random-tiny", out=out, peak="first")
    extract(ds.select([0, 1]), "random-tiny", out=out, peak="first", overwrite=True)
    assert len(load_dataset(str(out), split="train")) == 2
    assert sorted(path.name for path in out.iterdir()) == [
        ".cache",
        "README.md",
        "data",
        "face_coverage.png",
        "provenance.json",
    ]
    assert len(list((out / "data").iterdir())) == 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"stages": ["hubert"]}, ValueError, "facemae_embed"),
        ({"engine": "slurm"}, ValueError, "'local'"),
        ({"polling": "mean"}, ValueError, "pooling"),
        ({"keep": ["faces"]}, ValueError, "peak_frame"),
        ({"model": "no/such/model/here"}, ModelError, "no/such/model/here"),
        ({"model": None}, ModelError, "random-tiny"),
    ],
)
def test_a_wrong_call_is_refused_before_any_work(
    ds: Dataset, options: dict[str, Any], error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        extract(ds, **{"model": "random-tiny", **options})
