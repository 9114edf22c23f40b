"""The work store without any stage: what one process publishes, others find, whoever is killed in between."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from datasets import Features, List, Value
from hypothesis import given, settings
from hypothesis import strategies as st

from emollama_hf.errors import ClipError
from emollama_hf.work_store.shard import Failure
from emollama_hf.work_store.stored_rows import OPEN_FILES, StoredRows
from emollama_hf.work_store.work_store import Stored, WorkStore
from tests.interrupted import killed_at, renaming_to

KINDS = Features({"facemae": List(Value("float32"), length=2)})
MADE = {"emollama_hf": "1"}


def publish(root: Path, **outcomes: float | ClipError) -> str:
    """One shard of the stage `embed` with a row for each key: its value, or why it failed. Returns the shard's name."""
    store = WorkStore(root)
    before = set(store.shard_names)
    with store.writing(MADE) as publisher:
        for key, outcome in outcomes.items():
            values = outcome if isinstance(outcome, ClipError) else {"facemae": np.full(2, outcome, np.float32)}
            publisher.add("embed", KINDS, key, values)
        publisher.publish()
    (name,) = set(store.shard_names) - before
    return name


def value(store: WorkStore, key: str) -> float | Failure | None:
    """What a store has of a row."""
    found = store.find("embed", key)
    if not isinstance(found, Stored):
        return found
    return float(StoredRows().value(found, "embed", "facemae", KINDS["facemae"])[0])


def test_each_row_has_its_own_value_whatever_shard_it_is_in(tmp_path: Path) -> None:
    publish(tmp_path, a=1, b=2, c=ClipError("no_frames", "empty"), d=4)
    publish(tmp_path, e=5, f=6)
    store = WorkStore(tmp_path)
    assert [value(store, key) for key in "abcdefg"] == [1, 2, Failure("no_frames", "empty"), 4, 5, 6, None]
    assert store.find("other", "a") is None


@pytest.mark.parametrize("order", ["failure first", "values first"])
def test_values_count_more_than_a_failure_whichever_was_published_first(order: str, tmp_path: Path) -> None:
    """A clip whose memory ran out on one machine may have been computed on another."""
    rows: list[float | ClipError] = [ClipError("unexpected", "out of memory"), 2.0]
    for row in rows if order == "failure first" else rows[::-1]:
        publish(tmp_path, a=row)
    assert value(WorkStore(tmp_path), "a") == 2
    late = WorkStore(tmp_path)
    publish(tmp_path, a=ClipError("unexpected", "again"))
    assert late.refresh()
    assert value(late, "a") == 2


def test_of_several_failures_the_last_one_counts(tmp_path: Path) -> None:
    for number in range(8):
        publish(tmp_path, a=ClipError("no_frames", f"{number}"))
    assert value(WorkStore(tmp_path), "a") == Failure("no_frames", "7")


def test_failures_of_shards_that_are_retried_count_as_never_computed(tmp_path: Path) -> None:
    old = publish(tmp_path, a=ClipError("no_frames", "old"), b=2)
    store = WorkStore(tmp_path, retry=[old])
    assert [value(store, key) for key in "ab"] == [None, 2]
    publish(tmp_path, a=ClipError("no_frames", "new"))
    store.refresh()
    assert value(store, "a") == Failure("no_frames", "new")


def test_a_missing_file_is_forgotten_by_the_next_run_and_not_by_this_one(tmp_path: Path) -> None:
    this_run = WorkStore(tmp_path)
    publish(tmp_path, a=ClipError("missing_file", "gone"), b=ClipError("no_frames", "empty"))
    this_run.refresh()
    assert [value(this_run, key) for key in "ab"] == [Failure("missing_file", "gone"), Failure("no_frames", "empty")]
    assert [value(WorkStore(tmp_path), key) for key in "ab"] == [None, Failure("no_frames", "empty")]


def test_two_shards_of_one_clock_tick_are_both_found(tmp_path: Path) -> None:
    """The time of a folder moves in steps of some milliseconds, on some file systems of two seconds."""
    publish(tmp_path, a=1)
    reader = WorkStore(tmp_path)
    tick = (tmp_path / "shards").stat().st_mtime_ns
    publish(tmp_path, b=2)
    os.utime(tmp_path / "shards", ns=(tick, tick))
    assert reader.refresh()
    assert value(reader, "b") == 2
    assert not reader.refresh(), "nothing new"


def test_a_folder_that_has_settled_is_not_read_again_until_it_changes(tmp_path: Path) -> None:
    publish(tmp_path, a=1)
    long_ago = (tmp_path / "shards").stat().st_mtime_ns - 10**10
    os.utime(tmp_path / "shards", ns=(long_ago, long_ago))
    reader = WorkStore(tmp_path)
    assert not reader.refresh()
    publish(tmp_path, b=2)
    assert reader.refresh()
    assert value(reader, "b") == 2


@settings(deadline=None, max_examples=15)
@given(st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=3, unique=True), max_size=4), st.integers(0, 4))
def test_a_store_that_was_open_finds_what_one_that_is_opened_now_finds(
    tmp_path_factory: pytest.TempPathFactory, shards: list[list[int]], opened_after: int
) -> None:
    root = tmp_path_factory.mktemp("store")
    open_store = WorkStore(root) if opened_after == 0 else None
    for number, rows in enumerate(shards, start=1):
        outcomes = {f"k{row}": ClipError("no_frames", f"{number}") if row == 4 else row * 10.0 for row in rows}
        publish(root, **outcomes)
        if open_store is not None:
            assert open_store.refresh()
        if number == opened_after:
            open_store = WorkStore(root)
    now = WorkStore(root)
    for row in range(5):
        expected = value(now, f"k{row}")
        assert open_store is None or value(open_store, f"k{row}") == expected
        if any(row in rows for rows in shards):
            assert expected == row * 10.0 or row == 4


def test_few_files_are_open_at_a_time_the_last_ones_read(tmp_path: Path) -> None:
    for number in range(OPEN_FILES + 2):
        publish(tmp_path, **{f"k{number}": number})
    store, rows, paths = WorkStore(tmp_path), StoredRows(), []
    for number in (0, 1, 2, 3, 0, 4, 5, 0, 2, 1):
        found = store.find("embed", f"k{number}")
        assert isinstance(found, Stored)
        assert rows.rows(found, "embed", 1).column("facemae").to_pylist() == [[number, number]]
        path = found.shard.file("embed")
        paths = [*(other for other in paths if other != path), path][-OPEN_FILES:]
        assert list(rows._open) == paths
    rows.close()
    assert not rows._open


# Kills


def test_killed_before_the_rename_nothing_is_found_and_tidying_leaves_nothing(tmp_path: Path) -> None:
    publish(tmp_path, a=1)
    killed_at(renaming_to("/shards/"), lambda: publish(tmp_path, b=2))
    store = WorkStore(tmp_path)
    assert [value(store, key) for key in "ab"] == [1, None]
    assert len(list((tmp_path / "unfinished").iterdir())) == 2, "a folder and its lock"
    store.tidy()
    assert list((tmp_path / "unfinished").iterdir()) == []
    assert value(WorkStore(tmp_path), "a") == 1


def test_killed_after_the_rename_the_shard_is_found_and_tidying_keeps_it(tmp_path: Path) -> None:
    renamed = []

    def next_event(event: str, arguments: tuple[object, ...]) -> bool:
        if renamed:
            return True
        renamed.extend([event] if renaming_to("/shards/")(event, arguments) else [])
        return False

    killed_at(next_event, lambda: publish(tmp_path, b=2))
    store = WorkStore(tmp_path)
    assert value(store, "b") == 2
    store.tidy()
    assert list((tmp_path / "unfinished").iterdir()) == []
    assert value(WorkStore(tmp_path), "b") == 2


def test_tidying_removes_what_killed_processes_held_and_nothing_that_living_ones_hold(tmp_path: Path) -> None:
    store = WorkStore(tmp_path)
    held = store.try_claim("held")
    assert held is not None
    (tmp_path / "claims" / "dead.lock").touch()
    with store.writing(MADE) as publisher:
        publisher.add("embed", KINDS, "a", {"facemae": np.ones(2, np.float32)})
        (tmp_path / "unfinished" / "dead").mkdir()
        (tmp_path / "unfinished" / "dead" / "embed.arrow").touch()
        (tmp_path / "unfinished" / "dead.lock").touch()
        WorkStore(tmp_path).tidy()
        assert [path.name for path in (tmp_path / "claims").iterdir()] == ["held.lock"]
        assert [path.name for path in (tmp_path / "unfinished").glob("dead*")] == []
        assert len(list((tmp_path / "unfinished").iterdir())) == 2, "the folder that is written, and its lock"
        assert publisher.publish()
    assert value(WorkStore(tmp_path), "a") == 1
    assert list((tmp_path / "unfinished").iterdir()) == []
    store.release(held)
    assert list((tmp_path / "claims").iterdir()) == []


def test_tidying_waits_for_a_process_that_makes_its_folder(tmp_path: Path) -> None:
    """Between a new lock and its folder, both would be taken for a dead process's."""
    publish(tmp_path, a=1)
    store = WorkStore(tmp_path)
    lock = store._tidying()
    (tmp_path / "unfinished" / "new.lock").touch()
    tidying = threading.Thread(target=WorkStore(tmp_path).tidy)
    with lock:
        tidying.start()
        tidying.join(0.3)
        assert tidying.is_alive()
        assert (tmp_path / "unfinished" / "new.lock").exists()
    tidying.join(10)
    assert not (tmp_path / "unfinished" / "new.lock").exists()


def test_tidying_removes_shards_that_cannot_be_read(tmp_path: Path) -> None:
    good, bad = publish(tmp_path, a=1), publish(tmp_path, b=2)
    arrow = tmp_path / "shards" / bad / "embed.arrow"
    content = bytearray(arrow.read_bytes())
    content[-20] ^= 1
    arrow.write_bytes(content)
    store = WorkStore(tmp_path)
    assert store.shard_names == [good]
    assert value(store, "b") is None
    assert not store.refresh(), "nothing new"
    store.tidy()
    assert [path.name for path in (tmp_path / "shards").iterdir()] == [good]
    publish(tmp_path, b=3)
    store.refresh()
    assert value(store, "b") == 3


def test_a_store_that_is_not_there_is_not_made_by_reading_and_tidying(tmp_path: Path) -> None:
    store = WorkStore(tmp_path / "none")
    store.tidy()
    assert not store.refresh()
    assert not (tmp_path / "none").exists()


def test_a_unit_is_claimed_by_one_and_free_again_when_it_is_released(tmp_path: Path) -> None:
    one, other = WorkStore(tmp_path), WorkStore(tmp_path)
    lock = one.try_claim("unit")
    assert lock is not None
    assert other.try_claim("unit") is None
    beside = other.try_claim("another unit")
    assert beside is not None
    one.release(lock)
    again = other.try_claim("unit")
    assert again is not None
    for held in (beside, again):
        other.release(held)
    assert list((tmp_path / "claims").iterdir()) == []


def test_nothing_added_is_nothing_published(tmp_path: Path) -> None:
    store = WorkStore(tmp_path)
    with store.writing(MADE) as publisher:
        assert not publisher.publish()
        publisher.add("embed", KINDS, "a", {"facemae": np.ones(2, np.float32)})
        assert publisher.nbytes == 8
        assert publisher.publish()
        assert publisher.nbytes == 0
        assert not publisher.publish()
    assert len(store.shard_names) == 1


def test_what_was_added_and_not_published_is_gone_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        _fail_after_adding(WorkStore(tmp_path))
    assert list((tmp_path / "unfinished").iterdir()) == []
    assert WorkStore(tmp_path).find("embed", "a") is None


def _fail_after_adding(store: WorkStore) -> None:
    with store.writing(MADE) as publisher:
        publisher.add("embed", KINDS, "a", {"facemae": np.ones(2, np.float32)})
        raise ZeroDivisionError
