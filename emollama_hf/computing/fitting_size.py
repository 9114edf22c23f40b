"""How many items fit into memory together: fewer after a failure, and again more after a while without one."""

from __future__ import annotations

import threading

#: Full batches of a size that fit before the next larger size is tried.
PATIENCE = 16
#: After each try that failed, twice as many, up to this.
MOST_PATIENCE = 1024


class FittingSize:
    """The size of batches of one computation; threads share it.

    A size that does not fit is halved. Memory that was short may be free again, so that after `PATIENCE` full batches
    the next larger size that saves a batch is tried: of 16 items, 8 at a time become 16, and 4 at a time 6. A try that
    fails costs that one batch, goes back to the size before, and makes the next try wait twice as long, so that sizes
    do not swing.

    Example:
        >>> size = FittingSize()
        >>> size.failed(16)
        8
        >>> size.of(16), size.of(3)
        (8, 3)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._limit: int | None = None
        self._before: int | None = None  # the limit that a larger one is tried after
        self._fitted = 0
        self._patience = PATIENCE

    @property
    def limit(self) -> int | None:
        """Items at most; None while everything has fitted."""
        return self._limit

    def of(self, asked: int) -> int:
        """Items of the next batch when `asked` are to be computed: `asked` or fewer."""
        with self._lock:
            return asked if self._limit is None else min(asked, self._limit)

    def fitted(self, count: int, asked: int) -> None:
        """A batch of `count` of `asked` items has fitted. One below the limit says nothing."""
        with self._lock:
            if self._limit is None or count < self._limit or asked <= self._limit:
                return
            self._fitted += 1
            if self._fitted < self._patience:
                return
            batches = -(asked // -self._limit)
            self._before, self._limit, self._fitted = self._limit, -(asked // -(batches - 1)), 0

    def failed(self, count: int) -> int:
        """A batch of `count` has not fitted. Returns how many are tried next."""
        with self._lock:
            if self._limit is not None and count > self._limit:
                return self._limit  # another thread has found out meanwhile
            if self._before is not None and self._before < count:
                self._limit, self._patience = self._before, min(2 * self._patience, MOST_PATIENCE)
            else:
                self._limit = (count + 1) // 2
            self._before, self._fitted = None, 0
            return self._limit
