"""A source without features is refused, with what it looks like instead; nothing is published."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset

from emollama_hf import ShareError, push
from emollama_hf.stages.known_columns import is_computed
from emollama_hf.work_store.work_store import CACHE_TAG, INSIDE_OUT, MARK, make_root
from tests.sharing.labs import lab


def refused(source: Path | Dataset, tmp_path: Path) -> str:
    """The one line that a push ends with."""
    with pytest.raises(ShareError) as raised:
        push(source, tmp_path / "shared")
    assert not (tmp_path / "shared").exists()
    assert "\n" not in str(raised.value)
    return str(raised.value)


def folder(path: Path, *files: str) -> Path:
    """A folder with files that are no more than their names."""
    path.mkdir()
    for name in files:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(b"x")
    return path


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ((), "an empty directory: there is nothing to push"),
        (("a.mp4", "b.MOV", "more/c.webm"), r"3 videos and no features: extract them first: emollama-hf extract "),
        (("a.mp4", "metadata.csv"), "1 video and no features"),
        ((".git/config", "a.mp4"), "a git checkout with 1 video and no features"),
        ((".git/config", "pyproject.toml", "src/a.py"), "a git checkout of a program"),
        (("a.jpg", "b.png", "c.txt"), "2 pictures and no features"),
        (("a.npy", "b.npy"), r"2 \.npy files and no data set\. dataset_scripts/precomputed\.py"),
        (("labels.csv",), "1 table and no features"),
        (("notes.txt",), "holds no videos"),
        (("facemae/config.json", "facemae/model.safetensors", "provenance.json"), "a model directory, not features"),
        (("config.json", "model-00001-of-2.safetensors"), "a model, not features"),
        ((MARK, "shards/a/rows"), "a cache .* never published"),
    ],
    ids=str,
)
def test_a_directory_is_named_for_what_it_looks_like(files: tuple[str, ...], message: str, tmp_path: Path) -> None:
    source = folder(tmp_path / "the source", *files)
    told = refused(source, tmp_path)
    assert re.search(message, told), told
    assert told.startswith(str(source)) or str(source) in told
    if "emollama-hf extract" in told:
        assert f"extract '{source}' --model MODEL --out OUT" in told, "quoted for a shell"


def test_what_extract_keeps_is_not_rows(tmp_path: Path) -> None:
    make_root(tmp_path / "store")
    assert CACHE_TAG.startswith("Signature")
    assert "never published" in refused(tmp_path / "store", tmp_path)
    make_root(tmp_path / "out" / INSIDE_OUT)
    assert "did not finish" in refused(tmp_path / "out", tmp_path)


def test_the_directory_that_holds_features_is_pointed_to(tmp_path: Path) -> None:
    lab(tmp_path / "lab", 1)
    assert "no feature data set, but features in it is one: push that" in refused(tmp_path / "lab", tmp_path)


def test_a_file_and_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    assert "is a file" in refused(tmp_path / "a.mp4", tmp_path)
    assert "there is no such directory" in refused(tmp_path / "nothing", tmp_path)


def test_rows_without_a_column_of_a_stage(tmp_path: Path) -> None:
    ds = Dataset.from_dict({"uuid": ["a"], "age": [3], "emollama_status": ["ok"]})
    told = refused(ds, tmp_path)
    assert "a data set with the columns uuid, age, emollama_status and none that a stage computes" in told
    ds.save_to_disk(tmp_path / "saved")
    assert refused(tmp_path / "saved", tmp_path).startswith(f"{tmp_path / 'saved'}: a data set with the columns uuid")
    (tmp_path / "parquet").mkdir()
    ds.to_parquet(tmp_path / "parquet" / "a.parquet")
    assert "a data set with the columns" in refused(tmp_path / "parquet", tmp_path)
    crops = Dataset.from_dict({"uuid": ["a"], "facemae_frames": [np.zeros((2, 8, 8, 3), np.uint8)]})
    assert "none that a stage computes" in refused(crops, tmp_path), "crops are no features"


@pytest.mark.parametrize("column", ["facemae", "videomae", "emollama"])
def test_one_column_of_features_is_enough(column: str, tmp_path: Path) -> None:
    ds = Dataset.from_dict({"uuid": ["a"], column: [[1.0, 2.0]]})
    ds.save_to_disk(tmp_path / "saved")
    assert push(tmp_path / "saved", tmp_path / "shared").rows == 1
    assert is_computed(column)
    assert column in json.loads((tmp_path / "shared" / "provenance.json").read_text())["configs"]["default"]["features"]
