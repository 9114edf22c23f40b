"""What a killed push leaves, and what somebody takes away: the same push again goes on, and forget clears the rest."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from emollama_hf import ShareError, push
from emollama_hf.sharing.forget import forget
from emollama_hf.work_store.work_store import INSIDE_OUT, make_root
from tests.interrupted import killed_at
from tests.sharing.labs import shared
from tests.sharing.tiny_sets import tiny


@pytest.mark.parametrize("config", ["default", "second"])
@pytest.mark.parametrize("number", range(4))
def test_a_push_that_was_killed_at_any_file_can_be_repeated(number: int, config: str, tmp_path: Path) -> None:
    place, seen = tmp_path / "place", []

    def at_nth_rename(event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "os.rename" and str(arguments[1]).startswith(str(place)):
            seen.append(arguments)
        return len(seen) > number

    rows = tiny(["a1", "b1"])
    killed = number < 3
    if killed:
        killed_at(at_nth_rename, lambda: push(rows, place, config_name=config))
        assert list(place.rglob(".*.part")), "the file that was being written"
    push(rows, place, config_name=config)
    assert shared(place, config)["uuid"] == ["a1", "b1"]
    assert not list(place.rglob("*.part"))


def test_half_written_files_are_cleared_by_the_next_push_and_by_forget(tmp_path: Path) -> None:
    place = tmp_path / "place"
    push(tiny(["a1", "b1"]), place)
    parts = [place / "data" / ".train-00001-aaaaaaaaaaaa.parquet.part", place / ".provenance.json.part",
             place / "second" / ".train-00000-bbbbbbbbbbbb.parquet.part"]  # fmt: skip
    for run in (lambda: push(tiny(["a1", "b1"]), place), lambda: forget(place, {"participant_id": "a"}),
                lambda: forget(place, {"participant_id": "a"})):  # fmt: skip
        for path in parts:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"R0WS")
        run()
        assert not list(place.rglob("*.part"))
    mine = place / ".notes.part"
    mine.write_text("mine")
    push(tiny(["b1", "c1"]), place)
    assert mine.exists(), "not a name that a push gives"


def test_what_a_killed_extract_was_writing_goes_with_the_rows(tmp_path: Path) -> None:
    place = tmp_path / "place"
    push(tiny(["a1", "b1"]), place)
    work = place / INSIDE_OUT
    make_root(work)
    (work / "folder" / "partial").mkdir(parents=True)
    (work / "folder" / "train-00000-aaaaaaaaaaaa.parquet").write_text("R0WS")
    (work / "shards" / "damaged").mkdir(parents=True)
    (work / "shards" / "damaged" / "sample_frames.pictures.arrow").write_text("R0WS")
    forget(place, {"participant_id": "a"})
    assert not [path for path in place.rglob("*") if path.is_file() and b"R0WS" in path.read_bytes()]


@pytest.mark.parametrize("how", ["gone", "cut off", "all gone"])
def test_rows_whose_file_is_gone_are_sent_again(how: str, tmp_path: Path) -> None:
    place = tmp_path / "place"
    push(tiny(["a1", "b1"]), place)
    push(tiny(["c1"]), place)
    files = sorted((place / "data").iterdir())
    for path in files if how == "all gone" else files[:1]:
        if how == "cut off":
            os.truncate(path, 100)
        else:
            path.unlink()
    with pytest.raises(ShareError, match=r"missing or cut off, and . of its rows are not among those that are pushed"):
        push(tiny(["c2"]), place)
    done = push(tiny(["a1", "b1", "c1"]), place)
    assert (done.added, done.unchanged) == ((3, 0) if how == "all gone" else (2, 1))
    assert sorted(shared(place)["uuid"]) == ["a1", "b1", "c1"]
    assert push(tiny(["a1", "b1", "c1"]), place).unchanged == 3


def test_rows_that_nobody_has_any_more_can_be_given_up(tmp_path: Path) -> None:
    place = tmp_path / "place"
    push(tiny(["a1"]), place)
    push(tiny(["b1"]), place)
    sorted((place / "data").iterdir())[0].unlink()
    push(tiny(["c1"]), place, replace=True)
    assert sorted(shared(place)["uuid"]) == ["b1", "c1"]
