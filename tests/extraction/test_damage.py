"""Damaged, foreign and full: never a wrong value, never a file outside the directory, one clear error."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, load_dataset

from emollama_hf import extract
from emollama_hf.console import timing
from emollama_hf.errors import StoreError
from emollama_hf.frames.demo_clips import write_demo_clips
from tests import second_process
from tests.extraction.crops import OPTIONS, crops, write_crops
from tests.small_disk import small_disk


def values(ds: Dataset) -> dict[str, np.ndarray]:
    return {name: np.asarray(ds[name]) for name in ("facemae", "videomae", "emollama", "peak_index", "label")}


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def flip(path: Path, place: float) -> None:
    content = bytearray(path.read_bytes())
    index = min(int(len(content) * place), len(content) - 1)
    content[index] ^= 0x40
    path.write_bytes(content)


@pytest.mark.parametrize("place", [0.0, 0.3, 0.6, 0.999])
def test_flipped_bytes_anywhere_are_noticed(place: float, tmp_path: Path) -> None:
    ds = crops(tmp_path / "clips", 1, 2)
    clean = values(extract(ds, "random-tiny", out=tmp_path / "out", **OPTIONS))
    files = [path for path in (tmp_path / "out").rglob("*") if path.suffix in (".arrow", ".json", ".parquet")]
    assert len(files) >= 7
    for path in files:
        if not path.exists():
            continue  # an earlier round has replaced it
        flip(path, place)
        done = extract(ds, "random-tiny", out=tmp_path / "out", **OPTIONS)
        same(values(done), clean)
        same(values(load_dataset(str(tmp_path / "out"), split="train", keep_in_memory=True)), clean)


def test_damaged_pictures_are_named_and_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ds = crops(tmp_path / "clips", 1, 2)
    clean = extract(ds, "random-tiny", out=tmp_path / "clean", pooling="mean", **OPTIONS)
    extract(ds, "random-tiny", out=tmp_path / "out", **OPTIONS)
    (pictures,) = (tmp_path / "out").rglob("*.pictures.arrow")
    flip(pictures, 0.5)
    done = extract(ds, "random-tiny", out=tmp_path / "out", pooling="mean", existing="replace", **OPTIONS)
    same(values(done), values(clean))
    assert caplog.text.count("sample_frames.pictures.arrow is not as it was written (other bytes)") == 1


def test_a_damaged_file_of_the_folder_is_named_and_written_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ds = crops(tmp_path / "clips", 1, 2)
    clean = extract(ds, "random-tiny", out=tmp_path / "out", **OPTIONS)
    (parquet,) = (tmp_path / "out" / "data").iterdir()
    flip(parquet, 0.5)
    extract(ds, "random-tiny", out=tmp_path / "out", **OPTIONS)
    assert f"{parquet.name} is damaged" in caplog.text
    same(values(load_dataset(str(tmp_path / "out"), split="train", keep_in_memory=True)), values(clean))


@pytest.mark.parametrize("damage", ["flip", "cut off"])
def test_a_damaged_file_of_kept_pictures_is_made_again(damage: str, tmp_path: Path) -> None:
    ds = crops(tmp_path / "clips", 1, 2)
    options = {**OPTIONS, "keep": "facemae_frames"}
    clean = np.asarray(extract(ds, "random-tiny", out=tmp_path / "out", **options)["facemae_frames"])
    (mapped,) = (tmp_path / "out").rglob("mapped/*.arrow")
    if damage == "flip":
        flip(mapped, 0.5)
    else:
        mapped.write_bytes(mapped.read_bytes()[:-1000])
    again = extract(ds, "random-tiny", out=tmp_path / "out", **options)
    np.testing.assert_array_equal(np.asarray(again["facemae_frames"]), clean)


def test_a_cut_off_shard_and_strange_files_are_noticed(tmp_path: Path) -> None:
    ds = crops(tmp_path / "clips", 1, 2)
    clean = values(extract(ds, "random-tiny", out=tmp_path / "out", **OPTIONS))
    (arrow,) = (tmp_path / "out").rglob("emollama_embed.arrow")
    arrow.write_bytes(arrow.read_bytes()[:-100])
    (arrow.parents[1] / "empty").mkdir()
    (arrow.parents[1] / "file").write_text("hello")
    timing.reset()
    same(values(extract(ds, "random-tiny", out=tmp_path / "out", **OPTIONS)), clean)
    assert timing.stage_times()["emollama_embed"].rows == 2


def test_features_of_a_newer_version_are_left_alone(tmp_path: Path) -> None:
    ds = crops(tmp_path / "clips", 1)
    extract(ds, "random-tiny", out=tmp_path / "out", **OPTIONS)
    path = tmp_path / "out" / "provenance.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(ValueError, match="newer emollama_hf"):
        extract(ds, "random-tiny", out=tmp_path / "out", overwrite=True, **OPTIONS)


def test_a_full_disk_keeps_what_was_computed(tmp_path: Path) -> None:
    ds = crops(tmp_path / "clips", *range(40))
    with small_disk(tmp_path / "disk", 1_200_000):
        with pytest.raises(StoreError, match=r"No space left.*is kept"):
            extract(ds, "random-tiny", out=tmp_path / "disk" / "out", shard_rows=2, **OPTIONS)
        timing.reset()
        with pytest.raises(StoreError, match="No space left"):
            extract(ds, "random-tiny", out=tmp_path / "disk" / "out", shard_rows=2, **OPTIONS)
        assert timing.stage_times()["sample_frames"].rows < 20, "it goes on where it was"
        subprocess.run(["mount", "-o", "remount,size=100M", str(tmp_path / "disk")], check=True)
        timing.reset()
        done = extract(ds, "random-tiny", out=tmp_path / "disk" / "out", shard_rows=2, **OPTIONS)
        assert timing.stage_times()["sample_frames"].rows < 40
        fresh = extract(ds, "random-tiny", out=tmp_path / "fresh", **OPTIONS)
        same(values(done), values(fresh))


def test_a_file_size_limit_keeps_what_was_computed(tmp_path: Path) -> None:
    """As a full disk, where nothing can be mounted: the system refuses to let a file grow."""
    ds = crops(tmp_path / "clips", *range(6))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
    try:
        with pytest.raises(StoreError, match=r"(?i)file too large.*is kept"):
            extract(ds, "random-tiny", out=tmp_path / "out", **OPTIONS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (tmp_path / "out" / "data").exists()
    done = extract(ds, "random-tiny", out=tmp_path / "out", **OPTIONS)
    assert done["emollama_status"] == ["ok"] * 6
    assert list((tmp_path / "out").rglob("unfinished/*")) == []


def test_a_directory_that_cannot_be_written_to_is_one_error(tmp_path: Path) -> None:
    ds = crops(tmp_path / "clips", 1)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"is a file\. Choose a directory"):
        extract(ds, "random-tiny", out=tmp_path / "file", **OPTIONS)
    with pytest.raises(OSError, match=r"is a file\. Choose a directory"):
        extract(ds, "random-tiny", out=tmp_path / "file" / "below", **OPTIONS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips", "file"]


def test_a_read_only_directory_is_one_error(tmp_path: Path) -> None:
    ds = crops(tmp_path / "clips", 1)
    with small_disk(tmp_path / "disk", 1_000_000):
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path / "disk")], check=True)
        with pytest.raises(PermissionError, match="cannot be written to"):
            extract(ds, "random-tiny", out=tmp_path / "disk" / "out", **OPTIONS)


@pytest.mark.parametrize("name", ["with spaces {}", "Zoë-{}-日本", "..{}", "a..{}", "-rf {}", "{}'\"[red]%s"])
def test_any_name_of_a_clip_stays_inside(name: str, tmp_path: Path) -> None:
    paths = write_crops(tmp_path / "clips", 1, name=name)
    ds = Dataset.from_dict({"frames": paths, "file_name": [f"../../{Path(paths[0]).name}"]})
    done = extract(ds, "random-tiny", out=tmp_path / "out", **OPTIONS)
    assert done["emollama_status"] == ["ok"]
    assert load_dataset(str(tmp_path / "out"), split="train")["file_name"] == ds["file_name"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips", "out"]
    assert len(list((tmp_path / "clips").iterdir())) == 1


def test_a_clip_that_changes_while_it_is_computed_is_not_stored(tmp_path: Path) -> None:
    """Its features would stand under the key of what it was before."""
    paths = write_crops(tmp_path / "clips", 1, 2)
    code = f"""
import sys, shutil
from pathlib import Path
from datasets import Dataset
from emollama_hf import extract
from tests.extraction.crops import OPTIONS, write_crops
seen = []
def replace_once(event, arguments):  # when the second clip is opened for the second time, that is to be decoded
    if event == "open" and str(arguments[0]) == {paths[1]!r} and "r" in str(arguments[1] or "r"):
        seen.append(1)
        if len(seen) == 2:
            write_crops(Path({paths[1]!r}).parent, 9, name="2")
sys.addaudithook(replace_once)
done = extract(Dataset.from_dict({{"frames": {paths!r}}}), "random-tiny", out={str(tmp_path / "out")!r}, **OPTIONS)
print(done["emollama_status"], done["emollama_error"][1])
"""
    ran = second_process.run(code)
    assert "['ok', 'unexpected']" in ran.stdout, ran.stdout + ran.stderr[-2000:]
    assert "changed while" in ran.stdout
    timing.reset()
    done = extract(Dataset.from_dict({"frames": paths}), "random-tiny", out=tmp_path / "out", **OPTIONS)
    assert done["emollama_status"] == ["ok", "ok"]
    assert timing.stage_times()["sample_frames"].rows == 1


def test_the_hub_client_uploads_nothing_of_the_work_store(tmp_path: Path) -> None:
    """What it leaves out of every folder it uploads is where face crops lie."""
    from huggingface_hub.utils import DEFAULT_IGNORE_PATTERNS, filter_repo_objects

    clips = write_demo_clips(tmp_path / "clips")[:1]
    ds = Dataset.from_dict({"video": [str(clip) for clip in clips]})
    extract(ds, "random-tiny", out=tmp_path / "out", peak="middle")
    files = [path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    uploaded = list(filter_repo_objects(files, ignore_patterns=DEFAULT_IGNORE_PATTERNS))
    assert any("pictures" in name for name in files)
    assert sorted(name.split("/")[0] for name in uploaded) == [
        "README.md",
        "data",
        "face_coverage.png",
        "provenance.json",
    ]
    assert os.sep.join(("", "clips")) not in (tmp_path / "out" / "provenance.json").read_text()
