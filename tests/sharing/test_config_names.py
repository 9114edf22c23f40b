"""Names of configurations: those that are accepted open everywhere, the others are refused before anything is done."""

from __future__ import annotations

from pathlib import Path

import pytest
from datasets import load_dataset
from hypothesis import given

from emollama_hf import ShareError, push
from emollama_hf.feature_set.set_paths import config_fault
from tests.paths import any_name, contents
from tests.sharing.tiny_sets import tiny

ACCEPTED = [
    "default", "facemae-videomae-emollama", "v1.0", "A", "0", "1e5", "null", "true", "no", "_x", "__x", "a..b", "a-",
    "x" * 96, "train", "test", "0x10", "2026-01-01", "12_3", "all", "split", "README", "Data1",
]  # fmt: skip


@pytest.mark.parametrize("name", ACCEPTED)
def test_an_accepted_configuration_opens(name: str, tmp_path: Path) -> None:
    place = tmp_path / "place"
    push(tiny(["a1", "b1"]), place, config_name=name)
    push(tiny(["c1"]), place, config_name="second")
    for config, rows in ((name, ["a1", "b1"]), ("second", ["c1"])):
        ds = load_dataset(str(place), config, split="train", cache_dir=str(tmp_path / "cache"))
        assert list(ds["uuid"]) == rows
    assert push(tiny(["a1", "b1"]), place, config_name=name).unchanged == 2


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "a\\b", "/abs", "C:", "a:b", "<b>", "*", "a b", "a\nb", "a\0b", "-a", ".cache",
     "data", "DATA", "README.md", "provenance.json", "x.part", "CON", "nul.x", "x" * 97,
     "\u00fc", "\u202e", "a.", "a%2fb"],
)  # fmt: skip
def test_any_other_is_refused_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(ShareError, match="cannot name a configuration") as told:
        push(tiny(["a1"]), tmp_path / "place", config_name=name)
    assert str(told.value).isprintable()
    assert not contents(tmp_path)


@given(any_name)
def test_an_accepted_name_is_a_folder_beside_the_files_of_a_set(name: str) -> None:
    if config_fault(name) is None:
        assert name.lower() not in ("readme.md", "provenance.json", "data", ".cache", "face_coverage.png")
        assert Path("set", name).name == name
        assert len(name.encode()) <= 96


@pytest.mark.parametrize("option", ["tag", "revision"])
def test_a_tag_and_a_revision_are_names_too(option: str, tmp_path: Path) -> None:
    with pytest.raises(ShareError, match=f"is no {option}"):
        push(tiny(["a1"]), "org/name", **{option: "../../main"})
