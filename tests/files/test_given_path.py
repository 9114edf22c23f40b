"""A path that a person gives: what no file can be called is one clear error at each function that takes a path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf import extract, load, push
from emollama_hf.checkpoints.open_model import open_model
from emollama_hf.conversion.convert import convert
from emollama_hf.conversion.fetch import open_file, open_folder
from emollama_hf.errors import SafeMessage, ShareError, SourceError
from emollama_hf.extraction.sources import open_source
from emollama_hf.feature_set.destination import check_destination
from emollama_hf.feature_set.export_npy import export_npy
from emollama_hf.files.given_path import given_path
from emollama_hf.files.work_directory import work_directory
from emollama_hf.sharing.places.open_place import open_place

IMPOSSIBLE = {
    "a NUL": "folder/a\0b",
    "a surrogate": "folder/a\ud800b",
    "a home of nobody": "~nobody-of-this-name/x",
    "a long name": "folder/sub/" + "n" * 300,
    "a long path": "/" + "folder/" * 1000,
}
DATA = Dataset.from_dict({"uuid": ["a"], "frames": [["x.png"]]})
FEATURES = Dataset.from_dict({"uuid": ["a"], "emollama": np.zeros((1, 2, 3), np.float32)})
TAKERS: dict[str, Callable[[str], object]] = {
    "given_path": given_path,
    "source": open_source,
    "out": lambda path: extract(DATA, "random-tiny", out=path),
    "destination": lambda path: check_destination(Path(path), existing="error"),
    "model": open_model,
    "tokenizer": lambda path: open_model("random-tiny", tokenizer=path),
    "push from": lambda path: push(path, "shared"),
    "push to": lambda path: push("features", path),
    "place": open_place,
    "load": load,
    "export": lambda path: export_npy(FEATURES, path),
    "convert to": lambda path: convert(out=path, facemae="a.pth"),
    "convert from": lambda path: open_file(path, Path("staging")),
    "llama": lambda path: open_folder(path, Path("staging")),
    "work": lambda path: work_directory(path).__enter__(),
}


@pytest.mark.parametrize("kind", IMPOSSIBLE)
@pytest.mark.parametrize("taker", TAKERS)
def test_what_no_file_can_be_called_is_an_error_of_this_package(
    taker: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SafeMessage) as told:
        TAKERS[taker](IMPOSSIBLE[kind])
    assert "no file can have this name" in str(told.value) or "has no home directory here" in str(told.value)
    assert len(str(told.value)) < 400
    assert str(told.value).isprintable()
    assert list(tmp_path.iterdir()) == []


@given(st.text())
def test_any_text_is_a_path_or_an_error(text: str) -> None:
    said = ""
    try:
        given_path(text)
    except SourceError as error:
        said = str(error)
    assert said.isprintable()


def test_a_home_is_a_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert given_path("~/clips") == tmp_path / "clips"
    assert given_path(Path("a/~b")) == Path("a/~b")


def test_links_in_a_circle_are_said(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(ShareError, match="no file can have this name"):
        given_path(tmp_path / "a" / "c", error=ShareError)
