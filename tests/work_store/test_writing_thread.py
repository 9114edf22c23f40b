"""Shards that a thread writes: the bytes of those that are written at once, and the same errors a little later."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Array4D, Features, List, Value
from hypothesis import given, settings
from hypothesis import strategies as st

from emollama_hf.errors import ClipError, StoreError
from emollama_hf.work_store import writing_thread
from emollama_hf.work_store.media_cells import to_cell
from emollama_hf.work_store.work_store import Publisher, WorkStore
from emollama_hf.work_store.writing_thread import WritingThread
from tests.interrupted import killed_at, renaming_to

KINDS = {
    "embed": Features({"vector": List(Value("float32"), length=2), "words": List(Value("float32"))}),
    "sample": Features({"crops": Array4D((1, 2, 2, 3), "uint8"), "index": Value("int32")}),
}


def outcome(stage: str, row: int) -> dict[str, Any] | ClipError:
    if row % 5 == 4:
        return ClipError("no_frames", f"row {row}")
    if stage == "embed":
        return {"vector": np.full(2, row, np.float32), "words": np.arange(row % 3, dtype=np.float32)}
    return {"crops": to_cell(np.full((1, 2, 2, 3), row % 256, np.uint8)), "index": row}


def add(writer: Publisher | WritingThread, stage: str, row: int) -> None:
    writer.add(stage, KINDS[stage], f"{stage} {row}", outcome(stage, row))


def files(root: Path) -> list[dict[str, bytes]]:
    """The files of each shard, in the order in which they were published."""
    shards = sorted((root / "shards").iterdir())
    return [{path.name: path.read_bytes() for path in shard.iterdir()} for shard in shards]


@settings(deadline=None, max_examples=15)
@given(st.lists(st.sampled_from(["embed", "sample", "publish", "land"]), max_size=14))
def test_shards_are_those_that_are_written_at_once(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    roots, landed, sizes = [], [], []
    for in_thread in (False, True):
        store = WorkStore(tmp_path_factory.mktemp("store"))
        (store.root / "shards").mkdir()
        count, size = 0, []
        with store.writing({}) as publisher, WritingThread(publisher) as thread:
            writer: Publisher | WritingThread = thread if in_thread else publisher
            for row, step in enumerate([*steps, "publish", "land"]):
                if step == "publish":
                    writer.publish()
                elif step == "land":
                    count += writer.landed(wait=True)
                    assert len(store.shard_names) == count
                else:
                    add(writer, step, row)
                size.append(writer.nbytes)
        roots.append(files(store.root))
        landed.append(count)
        sizes.append(size)
    assert roots[0] == roots[1]
    assert landed[0] == landed[1]
    assert sizes[0] == sizes[1]


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A disk that flushes nothing before it is told to."""
    go, fsync = threading.Event(), os.fsync

    def wait(file: int) -> None:
        assert go.wait(60)
        fsync(file)

    monkeypatch.setattr(os, "fsync", wait)
    return go.set


def test_nobody_waits_for_the_disk_and_a_shard_is_known_when_it_is_safe(
    slow_disk: Callable[[], None], tmp_path: Path
) -> None:
    store = WorkStore(tmp_path)
    with store.writing({}) as publisher, WritingThread(publisher) as writer:
        add(writer, "embed", 1)
        assert writer.publish()
        add(writer, "embed", 2)
        assert writer.landed(wait=False) == 0
        assert store.find("embed", "embed 1") is None
        slow_disk()
        assert writer.landed(wait=True) == 1
        assert store.find("embed", "embed 1") is not None
        assert store.find("embed", "embed 2") is None
        assert writer.landed(wait=True) == 0


def test_rows_that_wait_have_so_many_bytes_at_most(
    slow_disk: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing_thread, "WAITING_BYTES", 40)  # of 8 and more each
    store, added = WorkStore(tmp_path), []

    def fill() -> None:
        for row in range(10):
            writer.add("embed", KINDS["embed"], str(row), {"vector": np.zeros(2, np.float32), "words": np.zeros(0)})
            added.append(row)

    with store.writing({}) as publisher, WritingThread(publisher) as writer:
        add(writer, "embed", 0)
        writer.publish()
        filling = threading.Thread(target=fill)
        filling.start()
        filling.join(0.5)
        assert filling.is_alive()
        assert len(added) == 5
        slow_disk()
        filling.join(60)
        writer.publish()
        assert writer.landed(wait=True) == 2
    assert len(added) == 10


@pytest.mark.parametrize("call", ["add", "publish", "landed"])
def test_a_full_disk_is_a_store_error_at_the_next_call_and_leaves_nothing(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    store = WorkStore(tmp_path)
    with store.writing({}) as publisher, WritingThread(publisher) as writer:
        add(writer, "embed", 1)
        writer.publish()
        assert writer.landed(wait=True) == 1
        monkeypatch.setattr(os, "fsync", full)
        add(writer, "embed", 2)
        writer.publish()
        writer._thread.join(60)
        calls = {
            "add": lambda: add(writer, "embed", 3),
            "publish": lambda: (add(writer, "embed", 3), writer.publish()),
            "landed": lambda: writer.landed(wait=True),
        }
        for _ in range(2):
            with pytest.raises(StoreError, match=r"No space left on device.*make room"):
                calls[call]()
    assert list((tmp_path / "unfinished").iterdir()) == []
    assert len(WorkStore(tmp_path).shard_names) == 1


def test_what_was_not_published_is_dropped_by_an_error_of_the_block(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        _fail_after_adding(WorkStore(tmp_path))
    assert list((tmp_path / "unfinished").iterdir()) == []
    assert WorkStore(tmp_path).shard_names == []
    assert not [one for one in threading.enumerate() if one.name == "write shards"]


def _fail_after_adding(store: WorkStore) -> None:
    with store.writing({}) as publisher, WritingThread(publisher) as writer:
        add(writer, "embed", 1)
        raise ZeroDivisionError


def test_killed_before_a_rename_what_landed_is_found_and_nothing_else(tmp_path: Path) -> None:
    renames = []

    def second(event: str, arguments: tuple[object, ...]) -> bool:
        renames.extend([event] if renaming_to("/shards/")(event, arguments) else [])
        return len(renames) == 2

    def run() -> None:
        store = WorkStore(tmp_path)
        with store.writing({}) as publisher, WritingThread(publisher) as writer:
            for row in range(6):
                add(writer, "embed", row)
                if row % 3 == 2:
                    writer.publish()
            writer.landed(wait=True)

    killed_at(second, run)
    store = WorkStore(tmp_path)
    assert [store.find("embed", f"embed {row}") is not None for row in range(6)] == [True] * 3 + [False] * 3
    store.tidy()
    assert list((tmp_path / "unfinished").iterdir()) == []
