"""A thread that writes, hashes and flushes shards, so that the thread that runs the computation does not wait for it.

    add, publish ─► queue, a few rows long ─► thread: Publisher ─► `landed`: the shard is safe

What a `Publisher` promises holds as before, a little later: rows come to their shard in order, a shard is whole or
absent, and an error of the disk ends the run, at the next call.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from datasets import Features

from emollama_hf.errors import ClipError
from emollama_hf.work_store.shard import StoredSize
from emollama_hf.work_store.work_store import Publisher

#: Bytes that wait for the thread at most, unless a single row has more: some clips with hidden states and crops.
WAITING_BYTES = 48_000_000


class WritingThread:
    """A `Publisher` behind a queue, for the time of a block. Called by one thread.

    publisher: used by nobody else until the block ends; what was not published then is dropped.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._sizes: dict[str, StoredSize] = {}
        self._added = False
        #: Size of the shard that rows are added to.
        self.nbytes = 0
        self._changed = threading.Condition()  # guards all below
        self._queue: deque[tuple[int, Callable[[], None]]] = deque()
        self._waiting_bytes = 0
        self._at_work = self._ended = False
        self._finished = 0
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="write shards", daemon=True)

    def __enter__(self) -> WritingThread:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._ended = True
            self._queue.clear()
            self._changed.notify_all()
        self._thread.join()

    def add(self, stage: str, features: Features, key: str, outcome: dict[str, Any] | ClipError) -> None:
        """As `Publisher.add`; waits while many bytes wait to be written."""
        if stage not in self._sizes:
            self._sizes[stage] = StoredSize(features)
        size = self._sizes[stage].of(outcome)
        self._put(size, partial(self._publisher.add, stage, features, key, outcome))
        self.nbytes, self._added = self.nbytes + size, True

    def publish(self) -> bool:
        """Have the shard finished; whether there is one. It is safe when `landed` counts it."""
        if not self._added:
            return False
        self._put(0, self._finish)
        self.nbytes, self._added = 0, False
        return True

    def landed(self, *, wait: bool) -> int:
        """As `Publisher.landed`."""
        with self._changed:
            while wait and self._error is None and (self._queue or self._at_work):
                self._changed.wait()
            self._raise_error()
            landed, self._finished = self._finished, 0
        if landed:
            self._publisher.refresh()
        return landed

    def _finish(self) -> None:
        if self._publisher.finish():
            with self._changed:
                self._finished += 1

    def _put(self, size: int, work: Callable[[], None]) -> None:
        with self._changed:
            while self._error is None and self._queue and self._waiting_bytes + size > WAITING_BYTES:
                self._changed.wait()
            self._raise_error()
            self._queue.append((size, work))
            self._waiting_bytes += size
            self._changed.notify_all()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while True:
            with self._changed:
                self._at_work = False
                self._changed.notify_all()
                while not self._queue and not self._ended:
                    self._changed.wait()
                if self._ended:
                    return
                size, work = self._queue.popleft()
                self._at_work = True
            try:
                work()
            except BaseException as error:
                with self._changed:
                    self._error = error
                    self._changed.notify_all()
                return
            del work  # with the row's arrays
            with self._changed:
                self._waiting_bytes -= size
