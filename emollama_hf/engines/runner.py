"""What takes tasks through the stages: at once, or several of them at a time."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol

from emollama_hf.errors import SafeMessage
from emollama_hf.planning.task import Task
from emollama_hf.stages.stage import Stage


class RunnerFailed(SafeMessage):
    """A runner's processes have died. What was finished before is as good as ever."""


class Runner(Protocol):
    """Is given tasks in order. ahead: how many it takes before the first one's result is asked for."""

    ahead: int

    def start(self, task: Task) -> Future[Task]:
        """Begin with a task, or take it through; errors, and RunnerFailed, are raised here or by the result."""
        ...

    def close(self) -> None:
        """Drop what has not begun, and end its processes and threads."""
        ...


class InPlace:
    """Each task at once, in this thread of this process."""

    ahead = 0

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = stages

    def start(self, task: Task) -> Future[Task]:
        done: Future[Task] = Future()
        done.set_result(task.run(self._stages))
        return done

    def close(self) -> None:
        pass
