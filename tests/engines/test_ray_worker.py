"""What an actor makes of its tasks, without a Ray around it."""

from __future__ import annotations

import asyncio
import pickle
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from emollama_hf.computing import process
from emollama_hf.engines.ray_worker import LanedTaskRunner, TaskRunner, message
from emollama_hf.errors import ClipError


class Doubling:
    """Stands for a task: what is pickled, run and pickled again."""

    def __init__(self, value: int) -> None:
        self.value = value

    def run(self, stages: list[Any]) -> Doubling:
        if self.value == 3:
            raise ValueError("three is out of order")
        return Doubling(2 * self.value)

    def leave_behind(self, reading: Any) -> Doubling:
        return self


@pytest.fixture(autouse=True)
def _no_worker_afterwards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`become_worker` is for good, and so is the folder; other tests run in this process."""
    for name in ("_is_cluster_worker", "_worker_threads"):
        monkeypatch.setattr(process, name, getattr(process, name))
    monkeypatch.chdir(tmp_path)


def told(table: pa.Table) -> list[tuple[int, int | None, str | None]]:
    """(index, the task's value, the error's text) of each row."""
    return [
        (
            row["index"],
            pickle.loads(row["task"]).value if row["task"] else None,
            str(pickle.loads(row["error"])) if row["error"] else None,
        )
        for row in table.to_pylist()
    ]


def test_each_task_comes_back_under_its_number_computed_or_with_its_error(tmp_path: Path) -> None:
    run = TaskRunner(pickle.dumps(([], {})), 1, str(tmp_path))
    tasks = [message(index, pickle.dumps(Doubling(index))) for index in (2, 3, 4)]
    failed = message(5, b"", ClipError("no_frames", "it was empty"))
    ended = message(6, b"")
    assert told(run(pa.concat_tables([*tasks, failed, ended]))) == [
        (2, 4, None),
        (3, None, "three is out of order"),
        (4, 8, None),
        (5, None, "it was empty"),
        (6, None, None),
    ]


def test_stages_that_cannot_be_made_here_are_the_error_of_every_task(tmp_path: Path) -> None:
    run = TaskRunner(b"no pickle", 1, str(tmp_path / "no such folder"))
    done = told(run(pa.concat_tables([message(index, pickle.dumps(Doubling(index))) for index in (7, 8)])))
    assert [(index, task) for index, task, _ in done] == [(7, None), (8, None)]
    assert all(error for *_, error in done)


class Meeting(Doubling):
    """Stands for a task that waits until another one is computed beside it."""

    def run(self, stages: list[Any]) -> Doubling:
        BOTH.wait(60)
        return super().run(stages)


BOTH = threading.Barrier(2)


def test_lanes_compute_tasks_at_the_same_time_and_each_comes_back_under_its_number(tmp_path: Path) -> None:
    run = LanedTaskRunner(pickle.dumps(([], {})), 1, str(tmp_path), 2)

    async def both() -> list[pa.Table]:
        return await asyncio.gather(*(run(message(index, pickle.dumps(Meeting(index)))) for index in (5, 6)))

    assert [told(table) for table in asyncio.run(both())] == [[(5, 10, None)], [(6, 12, None)]]


def test_lanes_of_stages_that_cannot_be_made_here_have_the_error_of_every_task(tmp_path: Path) -> None:
    run = LanedTaskRunner(b"no pickle", 1, str(tmp_path), 2)
    ((index, task, error),) = told(asyncio.run(run(message(7, pickle.dumps(Doubling(7))))))
    assert (index, task) == (7, None)
    assert error
