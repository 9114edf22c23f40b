"""Who was forgotten stays away, whatever is pushed to the set later; and a set is no directory that extract wrote."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from datasets import Dataset, Features, List, Value

from emollama_hf.errors import ShareError
from emollama_hf.sharing.forget import forget
from emollama_hf.sharing.push import push
from tests.sharing.labs import lab

FEATURES = Features({"uuid": Value("string"), "who": Value("string"), "facemae": List(Value("float32"), length=2)})


def rows() -> Dataset:
    names = ["u1", "u2", "u3"]
    return Dataset.from_dict(
        {"uuid": names, "who": ["a", "Withdrawn", "c"], "facemae": [[0.5, 1.0]] * 3}, features=FEATURES
    )


def text_of(place: Path) -> bytes:
    return b"".join(path.read_bytes() for path in place.rglob("*") if path.is_file())


@pytest.mark.parametrize("way", ["the same", "another configuration", "more columns"])
def test_no_later_push_brings_rows_back(way: str, tmp_path: Path) -> None:
    place = tmp_path / "place"
    push(rows(), place)
    forget(place, {"who": "Withdrawn"})
    later, options = rows(), {}
    if way == "another configuration":
        options = {"config_name": "second"}
    if way == "more columns":
        later = later.add_column("videomae", [[0.5] * 2] * 3, feature=List(Value("float32"), length=2))
    done = push(later, place, **options)
    assert done.forgotten == 1
    assert b"Withdrawn" not in text_of(place)
    assert push(later, place, include_forgotten=True, **options).forgotten == 0
    assert b"Withdrawn" in text_of(place)


def test_a_configuration_that_is_gone_forgets_all_the_same(tmp_path: Path) -> None:
    place = tmp_path / "place"
    push(rows(), place)
    push(rows().select([1]), place, config_name="second")
    forget(place, {"who": "Withdrawn"})
    assert push(rows(), place, config_name="second").forgotten == 1


def test_a_push_into_what_extract_wrote_is_refused(tmp_path: Path) -> None:
    out = lab(tmp_path / "one", 1)
    other = lab(tmp_path / "two", 2)
    shutil.rmtree(other / ".cache")
    before = text_of(other)
    with pytest.raises(ShareError, match="holds what extract wrote"):
        push(out, other)
    assert text_of(other) == before


def test_the_table_of_names_is_not_written_into_a_set(tmp_path: Path) -> None:
    push(rows(), tmp_path / "shared")
    out = lab(tmp_path / "shared" / "inner", 1)
    with pytest.raises(ShareError, match="which row is whose"):
        push(out, tmp_path / "elsewhere", hash_keys=True)
    assert not list((tmp_path / "shared").rglob("*.names.csv"))
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", ["provenance.json", "README.md"])
def test_a_pipe_is_not_waited_for(name: str, tmp_path: Path) -> None:
    place = tmp_path / "place"
    push(rows(), place)
    (place / name).unlink()
    os.mkfifo(place / name)
    for call in (lambda: push(rows(), place), lambda: forget(place, {"who": "a"})):
        with pytest.raises(ShareError, match="a pipe or a device"):
            call()
