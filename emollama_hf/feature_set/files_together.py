"""Several files of a feature data set written at the same time, each as one thread alone would write it.

Compressing and hashing a file keeps one core busy, and lets other threads run.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, CancelledError, ThreadPoolExecutor, wait
from typing import TypeVar

Piece = TypeVar("Piece")
Written = TypeVar("Written")

#: Files at the same time. Each holds some clips in memory.
MOST_FILES = 4
#: Passes the pieces of a file on, and ends the file when another one has failed.
Going = Callable[[Iterable[Piece]], Iterator[Piece]]


def written_together(writers: Sequence[Callable[[Going[Piece]], Written]]) -> list[Written]:
    """What each of some functions returns that write a file each.

    Args:
        writers: Each passes the pieces that it writes through the function that it is given.

    Raises:
        Exception: of the first writer that failed; the others have ended by then.

    Example:
        >>> written_together([lambda going: sum(going([1, 2])), lambda going: sum(going([3]))])
        [3, 3]
    """
    stopped = threading.Event()

    def going(pieces: Iterable[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            if stopped.is_set():
                raise CancelledError
            yield piece

    threads = min(MOST_FILES, len(writers), os.cpu_count() or 1)
    if threads < 2:
        return [write(going) for write in writers]
    with ThreadPoolExecutor(threads, "write files") as pool:
        files = [pool.submit(write, going) for write in writers]
        try:
            done, _ = wait(files, return_when=FIRST_EXCEPTION)
            failed = [file for file in files if file in done and file.exception() is not None]
            return [file.result() for file in failed[:1] or files]
        finally:  # also of Ctrl-C
            stopped.set()
            for file in files:
                file.cancel()
