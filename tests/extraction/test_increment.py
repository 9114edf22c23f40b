"""Only what is new or has changed is computed, by content; everything else is found."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, Features, Value, load_dataset

from emollama_hf import extract
from emollama_hf.console import timing
from emollama_hf.errors import StoreError
from emollama_hf.extraction import assembly
from emollama_hf.frames.demo_clips import write_demo_clips
from emollama_hf.stages import EmoLlamaEmbed
from emollama_hf.work_store.shard import FORMAT
from tests import second_process
from tests.encoders.golden import convert_golden
from tests.extraction.crops import OPTIONS, crops, write_crops

ALL = {"sample_frames", "facemae_embed", "videomae_embed", "emollama_embed"}


def computed(ds: Dataset, out: Path | None, model: str = "random-tiny", **options: Any) -> dict[str, int]:
    """Rows that each stage computed in one run."""
    timing.reset()
    done = extract(ds, model, out=out, existing="replace" if out else "error", **{**OPTIONS, **options})
    if out is not None:
        written = load_dataset(str(out), split="train", keep_in_memory=True)
        assert list(written["emollama_status"]) == list(done["emollama_status"])
        for here, there in zip(done["emollama"], written["emollama"], strict=True):
            np.testing.assert_array_equal(here, there)
    return {stage: time.rows for stage, time in timing.stage_times().items()}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_the_second_run_computes_and_writes_nothing(tmp_path: Path, out: Path) -> None:
    ds = crops(tmp_path / "clips", 1, 2, 3)
    assert computed(ds, out) == dict.fromkeys(ALL, 3)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file() and ".cache" not in str(path)}
    assert computed(ds, out) == {}
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_without_out_the_cache_remembers(tmp_path: Path) -> None:
    ds = crops(tmp_path / "clips", 101, 102)
    assert computed(ds, None) == dict.fromkeys(ALL, 2)
    assert computed(ds, None) == {}


def test_new_clips_are_computed_and_come_where_the_data_set_has_them(tmp_path: Path, out: Path) -> None:
    computed(crops(tmp_path / "clips", 2, 4), out)
    assert computed(crops(tmp_path / "clips", 1, 2, 3, 4), out) == dict.fromkeys(ALL, 2)
    fresh = extract(crops(tmp_path / "clips", 1, 2, 3, 4), "random-tiny", out=tmp_path / "fresh", **OPTIONS)
    written = load_dataset(str(out), split="train")
    assert list(written["label"]) == ["label 1", "label 2", "label 3", "label 4"]
    np.testing.assert_array_equal(np.asarray(written["emollama"]), np.asarray(fresh["emollama"]))


def test_unchanged_files_are_kept(tmp_path: Path, out: Path) -> None:
    extract(crops(tmp_path / "clips", 1, 2, 3), "random-tiny", out=out, shard_rows=2, **OPTIONS)
    inodes = {path.stat().st_ino for path in (out / "data").iterdir()}
    extract(crops(tmp_path / "clips", 1, 2, 3, 4), "random-tiny", out=out, shard_rows=2, **OPTIONS)
    after = sorted((out / "data").iterdir())
    assert len(after) == 2
    assert after[0].stat().st_ino in inodes
    assert after[1].stat().st_ino not in inodes


def test_a_clip_replaced_under_its_name_is_computed_and_a_changed_label_is_not(tmp_path: Path, out: Path) -> None:
    ds = crops(tmp_path / "clips", 1, 2)
    computed(ds, out)
    write_crops(tmp_path / "clips", 7, name="2")
    assert computed(ds, out) == dict.fromkeys(ALL, 1)
    relabelled = ds.remove_columns("label").add_column("label", ["x", "y"])
    assert computed(relabelled, out) == {}
    assert list(load_dataset(str(out), split="train")["label"]) == ["x", "y"]


def test_a_moved_or_renamed_clip_is_the_same_clip_and_equal_clips_are_computed_once(tmp_path: Path, out: Path) -> None:
    computed(crops(tmp_path / "clips", 1, 2), out)
    elsewhere = write_crops(tmp_path / "moved", 2, 1, 2, name="new name {}")
    twice = Dataset.from_dict({"frames": [*elsewhere, *write_crops(tmp_path / "copy", 9, 9)]})
    assert computed(twice, out) == dict.fromkeys(ALL, 1)


@pytest.mark.parametrize(
    ("options", "stages"),
    [
        ({"peak": "first"}, ALL),
        ({"num_frames": 8}, ALL),
        ({"instruction": "Is she bored?"}, {"emollama_embed"}),
        ({"layout": "upstream"}, {"emollama_embed"}),
        ({"pooling": "mean"}, {"emollama_embed"}),
        ({"store_dtype": "float32"}, {"emollama_embed"}),
        ({"dtype": "bfloat16"}, ALL - {"sample_frames"}),
        ({"dtype": "float16-mixed"}, {"emollama_embed"}),
        ({"batch_size": 2}, set()),
        ({"device": "cpu"}, set()),
        ({"stages": ["facemae_embed"]}, set()),
    ],
    ids=lambda value: "+".join(sorted(value)) or "nothing",  # a set has no order that two processes agree on
)
def test_a_changed_stage_and_those_after_it(
    options: dict[str, Any], stages: set[str], tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    base = tmp_path_factory.getbasetemp() / "changed-stage"
    if not base.exists():
        computed(crops(base / "clips", 1, 2), base / "out")
    shutil.copytree(base, tmp_path / "copy")
    timing.reset()
    out = tmp_path / "copy" / "out"
    extract(crops(base / "clips", 1, 2), "random-tiny", out=out, existing="replace", **{**OPTIONS, **options})
    assert {stage: time.rows for stage, time in timing.stage_times().items()} == dict.fromkeys(stages, 2)


def test_other_weights_of_one_part(tmp_path: Path, out: Path) -> None:
    from safetensors.numpy import load_file, save_file

    model = convert_golden(tmp_path / "model")
    ds = crops(tmp_path / "clips", 1)
    assert computed(ds, out, str(model)) == dict.fromkeys(ALL, 1)
    shutil.move(model, tmp_path / "moved")
    assert computed(ds, out, str(tmp_path / "moved")) == {}
    weights = tmp_path / "moved" / "facemae" / "model.safetensors"
    tensors = load_file(weights)
    name = next(name for name in tensors if name.endswith("norm.weight"))
    save_file({**tensors, name: tensors[name] * 1.01}, weights, metadata={"format": "pt"})
    assert computed(ds, out, str(tmp_path / "moved")) == {"facemae_embed": 1, "emollama_embed": 1}


def test_a_new_stage_is_added_without_touching_what_is_there(tmp_path: Path, out: Path) -> None:
    ds = crops(tmp_path / "clips", 1, 2)
    extract(ds, "random-tiny", out=out, stages=["facemae_embed"], **OPTIONS)
    shards = {path: path.stat().st_mtime_ns for path in out.rglob("shards/*/*")}
    assert computed(ds, out) == {"videomae_embed": 2, "emollama_embed": 2}
    assert shards == {path: path.stat().st_mtime_ns for path in shards}


def test_deleted_pictures_are_made_again_only_when_somebody_needs_them(tmp_path: Path, out: Path) -> None:
    ds = crops(tmp_path / "clips", 1, 2)
    computed(ds, out)
    for pictures in out.rglob("*.pictures.arrow"):
        pictures.unlink()
    assert computed(ds, out) == {}
    assert computed(ds, out, pooling="mean") == {"sample_frames": 2, "emollama_embed": 2}
    kept = extract(ds, "random-tiny", out=out, existing="replace", keep="peak_frame", **OPTIONS)
    assert kept[0]["peak_frame"].size == (24, 24)


def test_a_peak_column_is_part_of_the_row(tmp_path: Path, out: Path) -> None:
    paths = write_crops(tmp_path / "clips", 1, 1, 2)

    def rows(*peaks: int) -> Dataset:
        return Dataset.from_dict({"frames": paths, "apex": list(peaks)})

    assert computed(rows(3, 3, 3), out, peak="column:apex")["sample_frames"] == 2
    assert computed(rows(3, 5, 3), out, peak="column:apex") == dict.fromkeys(ALL, 1)


def test_audio_is_part_of_the_row_for_the_layout_that_reads_it(tmp_path: Path, out: Path) -> None:
    width = int(EmoLlamaEmbed("random-tiny").source.config("emotion_llama")["feature_size"])

    def rows(*levels: float) -> Dataset:
        audio = [np.full(width, level, np.float32) for level in levels]
        return crops(tmp_path / "clips", 1, 2).add_column("hubert", audio)

    assert computed(rows(0.1, 0.2), out, layout="upstream") == dict.fromkeys(ALL, 2)
    assert computed(rows(0.1, 0.3), out, layout="upstream") == {"emollama_embed": 1}
    assert computed(rows(0.1, 0.3), out) == {"emollama_embed": 2}
    assert computed(rows(0.4, 0.5), out) == {}


def test_the_clips_name_matters_for_openface_only(tmp_path: Path, out: Path) -> None:
    clips = write_demo_clips(tmp_path / "clips")
    openface = tmp_path / "openface"
    openface.mkdir()

    def csv(name: str, best: int) -> None:
        lines = [f"{frame}, {5 if frame == best else 1}" for frame in (1, 2, 3)]
        (openface / f"{name}.csv").write_text("\n".join(["frame, AU01_r", *lines]))

    csv(clips[0].stem, 2)
    csv(clips[1].stem, 2)
    ds = Dataset.from_dict({"video": [str(clip) for clip in clips]})
    options = {"faces": "detect", "stages": ["sample_frames"]}

    def sampled(folder: Path) -> dict[str, int]:
        timing.reset()
        done = extract(ds, out=out, model="random-tiny", peak=f"openface:{folder}", **options)
        assert done["emollama_status"] == ["ok", "ok"]
        return {stage: time.rows for stage, time in timing.stage_times().items()}

    assert sampled(openface) == {"sample_frames": 2}
    shutil.move(openface, tmp_path / "moved")
    assert sampled(tmp_path / "moved") == {}
    openface = tmp_path / "moved"
    csv(clips[1].stem, 3)
    assert sampled(openface) == {"sample_frames": 1}


def test_failures_are_remembered_and_tried_again_when_asked(tmp_path: Path, out: Path) -> None:
    paths = write_crops(tmp_path / "clips", 1, 2)
    (tmp_path / "clips" / "text.npy").write_text("no array")
    ds = Dataset.from_dict({"frames": [paths[0], str(tmp_path / "clips" / "text.npy"), paths[1]]})
    assert computed(ds, out)["sample_frames"] == 3
    assert computed(ds, out) == {}
    assert computed(ds, out, retry_failed=True) == {"sample_frames": 1}
    write_crops(tmp_path / "clips", 3, name="text")
    assert computed(ds, out) == dict.fromkeys(ALL, 1)
    assert extract(ds, "random-tiny", out=out, **OPTIONS)["emollama_status"] == ["ok"] * 3


def test_retrying_leaves_what_was_never_computed(tmp_path: Path, out: Path) -> None:
    ds = crops(tmp_path / "clips", 1, 2)
    computed(ds.select([0]), out)
    with pytest.raises(ValueError, match="1 others are new"):
        extract(ds, "random-tiny", out=out, retry_failed=True, **OPTIONS)


def test_a_missing_file_is_looked_for_each_time(tmp_path: Path, out: Path) -> None:
    ds = Dataset.from_dict({"frames": [str(tmp_path / "clips" / "5.npy"), *write_crops(tmp_path / "clips", 6)]})
    done = extract(ds, "random-tiny", out=out, **OPTIONS)
    assert done["emollama_status"] == ["missing_file", "ok"]
    write_crops(tmp_path / "clips", 5)
    assert computed(ds, out) == dict.fromkeys(ALL, 1)


def test_on_error_raise_keeps_what_was_computed(tmp_path: Path, out: Path) -> None:
    paths = write_crops(tmp_path / "clips", 1, 2)
    (tmp_path / "clips" / "text.npy").write_text("no array")
    ds = Dataset.from_dict({"frames": [*paths, str(tmp_path / "clips" / "text.npy")]})
    with pytest.raises(ValueError, match=r"text\.npy"):
        extract(ds, "random-tiny", out=out, on_error="raise", **OPTIONS)
    assert not (out / "data").exists()
    timing.reset()
    with pytest.raises(ValueError, match=r"text\.npy"):
        extract(ds, "random-tiny", out=out, on_error="raise", **OPTIONS)
    assert timing.stage_times() == {}
    assert computed(ds, out) == {}


def test_worker_processes_share_the_rows(tmp_path: Path, out: Path) -> None:
    ds = crops(tmp_path / "clips", *range(20, 29))
    assert computed(ds, out, num_proc=2) == dict.fromkeys(ALL, 9)
    alone = extract(ds, "random-tiny", out=tmp_path / "alone", **OPTIONS)
    both = load_dataset(str(out), split="train")
    for name in ("facemae", "emollama"):
        a, b = np.asarray(alone[name], np.float64), np.asarray(both[name], np.float64)
        assert np.abs(a - b).max() <= 2e-3 * a.std(), name


def test_an_error_in_a_worker_reaches_the_caller(tmp_path: Path, out: Path) -> None:
    (tmp_path / "text.npy").write_text("no array")
    ds = Dataset.from_dict({"frames": [*write_crops(tmp_path / "clips", 1, 2), str(tmp_path / "text.npy")]})
    with pytest.raises(ValueError, match=r"text\.npy"):
        extract(ds, "random-tiny", out=out, on_error="raise", num_proc=2, **OPTIONS)


def test_an_older_run_of_a_newer_version_is_refused(tmp_path: Path, out: Path) -> None:
    ds = crops(tmp_path / "clips", 1)
    computed(ds, out)
    (manifest,) = out.rglob("manifest.json")
    manifest.write_text(manifest.read_text().replace(f'"format": {FORMAT}', f'"format": {FORMAT + 1}'))
    with pytest.raises(StoreError, match="newer emollama_hf"):
        extract(ds, "random-tiny", out=out, **OPTIONS)


def test_the_result_travels_to_other_processes(tmp_path: Path, out: Path) -> None:
    """It is mapped from several shards, with rows that have failed between them."""
    paths = write_crops(tmp_path / "clips", 1, 2, 3)
    (tmp_path / "clips" / "text.npy").write_text("no array")
    ds = Dataset.from_dict({"frames": [*paths[:1], str(tmp_path / "clips" / "text.npy"), *paths[1:]]})
    done = extract(ds.select([3, 1, 0, 2]), "random-tiny", out=out, shard_rows=1, **OPTIONS)
    assert [status == "ok" for status in done["emollama_status"]] == [True, False, True, True]
    copy = pickle.loads(pickle.dumps(done))
    norms = done.filter(lambda status: status == "ok", input_columns="emollama_status").map(
        lambda row: {"norm": float(np.linalg.norm(row["emollama"]))}, num_proc=2
    )
    for row in range(4):
        np.testing.assert_array_equal(copy[row]["emollama"], done[row]["emollama"])
    expected = [np.linalg.norm(done[row]["emollama"]) for row in (0, 2, 3)]
    np.testing.assert_allclose(norms["norm"], expected, rtol=1e-6)


def test_what_somebody_wrote_into_the_readme_stays(tmp_path: Path, out: Path) -> None:
    computed(crops(tmp_path / "clips", 1), out)
    readme = out / "README.md"
    readme.write_text(readme.read_text().replace("---\n", "---\nlicense: cc-by-4.0\n", 1) + "\nRecorded in room 5.\n")
    for numbers in ((1,), (1, 2), (1, 2, 3)):
        computed(crops(tmp_path / "clips", *numbers), out)
        assert "Recorded in room 5." in readme.read_text()
        assert "license: cc-by-4.0" in readme.read_text()
        assert len(load_dataset(str(out), split="train", keep_in_memory=True)) == len(numbers)


def test_a_card_that_is_not_as_it_was_written_is_named(
    tmp_path: Path, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    computed(crops(tmp_path / "clips", 1), out)
    computed(crops(tmp_path / "clips", 1), out)
    assert "README.md" not in caplog.text
    readme = out / "README.md"
    written = readme.read_bytes()
    readme.write_bytes(written.replace(b"Limits and ethics", b"Mimits and ethics"))
    computed(crops(tmp_path / "clips", 1), out)
    assert f"{readme} is not as it was written: edited, or damaged." in caplog.text
    assert b"Mimits" in readme.read_bytes()
    readme.unlink()
    computed(crops(tmp_path / "clips", 1), out)
    assert readme.read_bytes() == written


def test_a_readme_that_is_a_pipe_is_an_error(tmp_path: Path, out: Path) -> None:
    computed(crops(tmp_path / "clips", 1), out)
    (out / "README.md").unlink()
    os.mkfifo(out / "README.md")
    with pytest.raises(StoreError, match=r"README\.md is a pipe, expected a file\..*remove it"):
        extract(crops(tmp_path / "clips", 1), "random-tiny", out=out, **OPTIONS)


def test_the_card_of_a_run_that_was_killed_before_it_was_replaced(tmp_path: Path, out: Path) -> None:
    """It stood beside the new provenance, was taken for somebody's edit, and kept its old counts for good."""
    readme = out / "README.md"
    computed(crops(tmp_path / "clips", 1), out)
    old = readme.read_text()
    computed(crops(tmp_path / "clips", 1, 2), out)
    readme.write_text(old)
    computed(crops(tmp_path / "clips", 1, 2), out)
    assert "2 clips, 2 with features" in readme.read_text()


@pytest.mark.parametrize("edit", [b"---\ntitle: a: b\n---\nmine", b"\xff\xfe mine"])
def test_a_readme_that_cannot_be_read_is_left_alone(edit: bytes, tmp_path: Path, out: Path) -> None:
    computed(crops(tmp_path / "clips", 1), out)
    (out / "README.md").write_bytes(edit)
    with pytest.raises(StoreError, match=r"README\.md was edited.*mend or remove it"):
        extract(crops(tmp_path / "clips", 1, 2), "random-tiny", out=out, **OPTIONS)
    assert (out / "README.md").read_bytes() == edit


def test_a_failed_row_has_no_values_of_later_stages_whatever_ran_before(tmp_path: Path, out: Path) -> None:
    stack = np.random.default_rng(1).integers(0, 255, (16, 24, 24, 3), dtype=np.uint8)
    rows = {"facemae_frames": [stack, stack[:0]], "videomae_frames": [stack, stack], "uuid": ["a", "b"]}
    features = Features({"facemae_frames": [[[[Value("uint8")]]]], "videomae_frames": [[[[Value("uint8")]]]],
                         "uuid": Value("string")})  # fmt: skip
    ds = Dataset.from_dict(rows, features=features)
    extract(ds, "random-tiny", out=out, stages=["videomae_embed"])
    both = extract(ds, "random-tiny", out=out, stages=["facemae_embed", "videomae_embed"])
    written = load_dataset(str(out), split="train", keep_in_memory=True)
    assert list(both["emollama_status"]) == ["ok", "bad_frames"]
    assert both[1]["videomae"] is None
    assert written[1]["videomae"] is None


def test_scattered_rows_are_gathered(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of thousands of pieces took a minute to open, and more to send to a worker."""
    monkeypatch.setattr(assembly, "MOST_STRETCHES", 3)
    clean = extract(crops(tmp_path / "clips", *range(8)), "random-tiny", out=tmp_path / "clean", **OPTIONS)
    computed(crops(tmp_path / "clips", 0, 2, 4, 6), out)
    for _ in range(2):
        done = extract(crops(tmp_path / "clips", *range(8)), "random-tiny", out=out, **OPTIONS)
        for name in ("facemae", "emollama", "peak_index", "face_boxes"):
            np.testing.assert_array_equal(np.asarray(done[name]), np.asarray(clean[name]))
    assert len(list(out.rglob("mapped/emollama_embed-*.arrow"))) == 1
    extract(crops(tmp_path / "clips", *range(7, -1, -1)), "random-tiny", out=out, **OPTIONS)
    copy = pickle.loads(pickle.dumps(done))
    np.testing.assert_array_equal(np.asarray(copy["emollama"]), np.asarray(clean["emollama"]))


def test_spawned_workers_and_one_that_is_killed(tmp_path: Path, out: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"""
import multiprocess, os, signal, sys, threading, time
from pathlib import Path
from emollama_hf import extract
from tests.extraction.crops import OPTIONS, crops

if __name__ == "__main__":
    multiprocess.set_start_method(sys.argv[1])
    ds = crops(Path({str(tmp_path / "clips")!r}), *range(12))

    def kill_one():
        work = Path({str(out)!r}) / ".cache"
        while not list(work.rglob("unfinished/*/*/facemae_embed.arrow")):
            time.sleep(0.01)
        os.kill(multiprocess.active_children()[0].pid, signal.SIGKILL)

    if sys.argv[2] == "kill":
        threading.Thread(target=kill_one, daemon=True).start()
    done = extract(ds, "random-tiny", out={str(out)!r}, num_proc=2, shard_rows=2, **OPTIONS)
    print(list(done["emollama_status"]).count("ok"))
"""
    )
    for arguments in (("spawn", "let live"), ("fork", "kill")):
        ran = second_process.run_script(script, *arguments, environment={"PYTHONPATH": str(second_process.ROOT)})
        assert ran.stdout.strip().endswith("12"), ran.stderr[-3000:]
        shutil.rmtree(out)
