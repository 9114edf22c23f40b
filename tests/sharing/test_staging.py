"""Files that are about to be published: where they are made, how large they get, how they are numbered."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from datasets import Dataset

from emollama_hf import ShareError, push
from emollama_hf.sharing import staging
from emollama_hf.sharing.forget import forget
from emollama_hf.sharing.staging import file_number, staging_folder
from tests.interrupted import killed_at
from tests.sharing.labs import shared


def rows(*names: str) -> Dataset:
    values = [[float(ord(name)), 0.5] for name in names]
    return Dataset.from_dict({"uuid": list(names), "participant_id": list(names), "facemae": values})


def numbers(place: Path) -> list[int]:
    return sorted(file_number(path.name) for path in (place / "data").iterdir())


def test_two_pushes_at_once_have_folders_of_their_own_and_leave_none() -> None:
    with staging_folder() as one:
        (one / "file").write_text("1")
        with staging_folder() as other:
            assert other != one
            assert (one / "file").read_text() == "1", "of a push that is running"
        assert not other.exists()
        assert (one / "file").exists()
    assert not one.exists()
    assert not one.with_suffix(".lock").exists()


def test_what_a_killed_push_left_is_cleared_by_the_next() -> None:
    def write_and_die() -> None:
        with staging_folder() as folder:
            (folder / "rows.parquet").write_text("of people")
            (folder / "now").mkdir()

    with staging_folder() as folder:
        root = folder.parent
    before = set(root.iterdir())
    killed_at(lambda event, arguments: event == "os.mkdir" and str(arguments[0]).endswith("/now"), write_and_die)
    assert [path.name for left in set(root.iterdir()) - before for path in left.glob("*")] == ["rows.parquet"]
    with staging_folder():
        pass
    assert set(root.iterdir()) == before


def test_rows_are_spread_over_files_of_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "SHARD_BYTES", 1)
    monkeypatch.setattr("emollama_hf.feature_set.feature_rows.MOST_ROWS", 2)
    push(rows(*"abcde"), tmp_path / "shared")
    assert numbers(tmp_path / "shared") == [0, 1, 2]
    there = shared(tmp_path / "shared")
    assert there["uuid"] == list("abcde")
    assert [int(values[0]) for values in there["facemae"]] == [ord(name) for name in "abcde"]


def test_a_new_file_has_a_number_that_no_file_has_had_since(tmp_path: Path) -> None:
    place = tmp_path / "shared"
    for name in "abc":
        push(rows(name), place)
    forget(place, {"participant_id": "a"})
    assert numbers(place) == [1, 2]
    push(rows("d"), place)
    assert numbers(place) == [1, 2, 3]
    assert shared(place)["uuid"] == ["b", "c", "d"]


def test_a_file_that_nothing_names_stays_for_a_day_for_the_push_that_may_be_writing_it(tmp_path: Path) -> None:
    place = tmp_path / "shared"
    push(rows("a"), place)
    fresh, old = (place / "data" / f"train-00007-{digit * 12}.parquet" for digit in "12")
    for path in (fresh, old):
        path.write_bytes(b"unfinished")
    yesterday = time.time() - 86_500
    os.utime(old, (yesterday, yesterday))
    push(rows("b"), place)
    assert fresh.exists()
    assert not old.exists()


def test_a_cache_that_cannot_be_written_to_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setattr(staging, "HF_DATASETS_CACHE", tmp_path / "file")
    with pytest.raises(ShareError, match=r"cannot be written to.*Set HF_HOME"), staging_folder():
        pass
