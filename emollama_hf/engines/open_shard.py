"""The shard that is being filled: when it is full, it is published, while the next one is filled."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from emollama_hf.errors import StoreError
from emollama_hf.planning.computation import Computation, Report
from emollama_hf.planning.task import Task
from emollama_hf.work_store.work_store import Publisher
from emollama_hf.work_store.writing_thread import WritingThread

#: A shard is published after this much work or this many bytes, whichever comes first.
SHARD_SECONDS = 60.0
SHARD_BYTES = 100_000_000


@dataclass(frozen=True)
class ShardSize:
    """When a shard is full. rows: after this many, None for `seconds` instead; `nbytes` always."""

    rows: int | None = None
    seconds: float = SHARD_SECONDS
    nbytes: int = SHARD_BYTES


class OpenShard:
    """Takes finished tasks and makes shards of them; a block that it is used in ends with the last one published.

    After an error, too: a failed clip, a lack of memory or Ctrl-C must not cost what was finished. Not after a
    StoreError, since the store is what failed.

    publisher: with a `WritingThread` one shard at most is on its way to the disk while the next one is filled.
    """

    def __init__(
        self,
        computation: Computation,
        publisher: Publisher | WritingThread,
        size: ShardSize,
        report: Callable[[Report], None],
    ) -> None:
        self._computation, self._publisher, self._size, self._report = computation, publisher, size, report
        self._rows = self._changed = 0
        self._on_its_way: int | None = None
        self._since = time.monotonic()

    def __enter__(self) -> OpenShard:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if not isinstance(error, StoreError):
            self.publish()
            self.land()

    def add(self, task: Task) -> None:
        """Put in what came of a task. Raises ClipError with on_error="raise"."""
        done = self._computation.add(task, self._publisher)
        self._rows += done.rows
        self._changed += done.changed
        self._report(done)
        if self.is_full():
            self.publish()
        self.land(wait=False)

    def is_full(self) -> bool:
        full = self._size.rows is not None and self._rows >= self._size.rows
        late = self._size.rows is None and time.monotonic() - self._since >= self._size.seconds
        return full or late or self._publisher.nbytes >= self._size.nbytes

    def publish(self) -> None:
        """Have what was added made safe, if there is anything."""
        self.land()
        if self._publisher.publish():
            self._on_its_way = self._rows - self._changed
        self._rows = self._changed = 0
        self._since = time.monotonic()

    def land(self, *, wait: bool = True) -> None:
        """Report a published shard as soon as it is safe. wait: until it is."""
        if self._on_its_way is not None and self._publisher.landed(wait=wait):
            stored, self._on_its_way = self._on_its_way, None
            self._report(Report(shards=1, stored=stored))
