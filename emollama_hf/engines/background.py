"""An iterator in a thread of its own, so that Ctrl-C meets our code and never the middle of a library's."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")

LOOK_SECONDS = 0.2
GOODBYE_SECONDS = 60.0


class Background(Generic[Item]):
    """The items of the iterator that `make` gives, which is one item ahead at most; raises what it raises.

    end: told at the end of the block that it is used in; the iterator is closed when it has made its next item, or
    ends because of that. The block waits for it, GOODBYE_SECONDS at most, and so does `join`.
    """

    def __init__(self, make: Callable[[], Iterator[Item]], end: Callable[[], None]) -> None:
        self._make, self._end = make, end
        self._items: queue.Queue[tuple[Item] | BaseException | None] = queue.Queue(1)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wait for results", daemon=True)

    def __enter__(self) -> Background[Item]:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._end()
        self.join()

    def __iter__(self) -> Iterator[Item]:
        while (got := self._items.get()) is not None:
            if isinstance(got, BaseException):
                raise got
            yield got[0]

    def join(self) -> None:
        """Wait for the iterator's end."""
        self._thread.join(GOODBYE_SECONDS)

    def _run(self) -> None:
        try:
            for item in self._make():
                if not self._put((item,)):
                    return
            self._put(None)
        except BaseException as error:
            self._put(error)

    def _put(self, item: tuple[Item] | BaseException | None) -> bool:
        while not self._stopped.is_set():
            try:
                self._items.put(item, timeout=LOOK_SECONDS)
                return True
            except queue.Full:
                continue
        return False
