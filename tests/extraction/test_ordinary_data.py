"""Data sets, directories and machines as people have them: found by a reviewer, each was an error or a loss."""

from __future__ import annotations

import datetime
import os
import resource
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from datasets import Array2D, Dataset, Features, Image, Value, load_dataset

from emollama_hf import extract
from emollama_hf.console import timing
from emollama_hf.privacy.media import without_media
from tests import second_process
from tests.extraction.crops import OPTIONS, crops, write_crops

LABELS: dict[str, list[Any]] = {
    "none": [None, None],
    "date": [datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)],
    "time": [datetime.datetime(2024, 1, 1, 12), None],
    "struct": [{"path": "nowhere", "n": 1}, {"path": "x", "n": 2}],
    "ragged": [[[1, 2], [3]], [[4]]],
    "texts": [["a", "b"], []],
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_any_type(kind: str, tmp_path: Path) -> None:
    ds = crops(tmp_path / "clips", 1, 2).add_column("extra", LABELS[kind])
    for _ in range(2):
        extract(ds, "random-tiny", out=tmp_path / "out", include=["extra"], **OPTIONS)
        assert list(load_dataset(str(tmp_path / "out"), split="train", keep_in_memory=True)["extra"]) == LABELS[kind]


def test_a_failed_row_without_a_name(tmp_path: Path) -> None:
    stack = np.zeros((16, 24, 24, 3), np.uint8)
    ds = Dataset.from_dict({"facemae_frames": [stack, None]})
    done = extract(ds, "random-tiny", stages="facemae_embed", out=tmp_path / "out")
    assert list(done["emollama_status"]) == ["ok", "bad_frames"]
    assert done[1]["emollama_error"].startswith("row 1 of the data set: ")


def test_a_peak_column_with_the_name_of_a_made_one(tmp_path: Path) -> None:
    ds = crops(tmp_path / "clips", 1, 1).add_column("peak_index", [3, 5])
    done = extract(ds, "random-tiny", out=tmp_path / "out", **{**OPTIONS, "peak": "column:peak_index"})
    assert list(done["peak_index"]) == [3, 5]


def test_more_clips_than_files_may_be_open(tmp_path: Path) -> None:
    ds = crops(tmp_path / "clips", *range(160))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 130, hard))
    try:
        done = extract(ds, "random-tiny", stages="facemae_embed", out=tmp_path / "out", **OPTIONS)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert list(done["emollama_status"]) == ["ok"] * 160


def test_a_home_directory_is_no_feature_set(tmp_path: Path) -> None:
    """The hashes of files lie below ~/.cache/huggingface/emollama_hf, where a set has its work."""
    home = tmp_path / "home"
    (home / "data").mkdir(parents=True)
    (home / "README.md").write_text("mine")
    (home / "data" / "train-mine.parquet").write_text("mine")
    (home / ".cache" / "huggingface" / "emollama_hf" / "sha256").mkdir(parents=True)
    with pytest.raises(FileExistsError, match="holds no feature data set"):
        extract(crops(tmp_path / "clips", 1), "random-tiny", out=home, **OPTIONS)
    assert (home / "README.md").read_text() == "mine"


def test_files_of_others_in_data_are_left_alone(tmp_path: Path) -> None:
    extract(crops(tmp_path / "clips", 1), "random-tiny", out=tmp_path / "out", **OPTIONS)
    (tmp_path / "out" / "data" / "train-notes.parquet").write_text("mine")
    extract(crops(tmp_path / "clips", 1, 2), "random-tiny", out=tmp_path / "out", **OPTIONS)
    assert (tmp_path / "out" / "data" / "train-notes.parquet").read_text() == "mine"
    assert len(load_dataset(str(tmp_path / "out"), split="train")) == 2


def test_a_server_that_was_away_is_asked_again(tmp_path: Path) -> None:
    """Once between the reading for the key and the reading for the frames, it was remembered for good."""
    (path,) = write_crops(tmp_path / "clips", 1)
    code = f"""
import sys, shutil, os
from datasets import Dataset
from emollama_hf import extract
from tests.extraction.crops import OPTIONS
seen = []
def away(event, arguments):
    if event == "open" and str(arguments[0]) == {path!r}:
        seen.append(1)
        if len(seen) == 2:
            os.rename({path!r}, {path + ".away"!r})
sys.addaudithook(away)
print(list(extract(Dataset.from_dict({{"frames": [{path!r}]}}), "random-tiny", out={str(tmp_path / "out")!r},
      **OPTIONS)["emollama_status"]))
"""
    ran = second_process.run(code)
    assert "'ok'" not in ran.stdout, ran.stdout + ran.stderr[-2000:]
    os.rename(f"{path}.away", path)
    timing.reset()
    done = extract(Dataset.from_dict({"frames": [path]}), "random-tiny", out=tmp_path / "out", **OPTIONS)
    assert list(done["emollama_status"]) == ["ok"]


def test_pictures_at_any_depth_and_addresses_stay_out(tmp_path: Path) -> None:
    picture = PIL.Image.new("RGB", (4, 4))
    features = Features(
        {
            "video": Value("string"),
            "nested": [{"image": Image(), "n": Value("int32")}],
            "matrix": Array2D((2, 2), "float32"),
        }
    )
    rows = {
        "video": ["https://host/folder/c.mp4?signature=SECRET"],
        "nested": [[{"image": picture, "n": 1}]],
        "matrix": [[[0.0, 1.0], [2.0, 3.0]]],
    }
    left = without_media(Dataset.from_dict(rows, features=features))
    assert left.column_names == ["matrix", "file_name"]
    assert left["file_name"] == ["c.mp4"]
