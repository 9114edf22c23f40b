"""OpenCV under the conditions that this package needs of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """One OpenCV thread inside, the caller's number again outside.

    Processes, not threads, use the cores; and a result never depends on how many there are.
    """
    import cv2

    threads = cv2.getNumThreads()
    if threads == 1:
        yield
        return
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


@contextmanager
def errors_only() -> Iterator[None]:
    """OpenCV's warnings silenced inside, errors not; the caller's level again outside."""
    import cv2

    logging = getattr(cv2.utils, "logging", None)
    if logging is None:  # OpenCV 4, which has nothing to warn of here
        yield
        return
    level = logging.getLogLevel()
    logging.setLogLevel(min(level, logging.LOG_LEVEL_ERROR))
    try:
        yield
    finally:
        logging.setLogLevel(level)


# A forked worker inherits OpenCV's pool without its threads and waits for them for ever, whatever it calls:
# setNumThreads, too. So the pool is put away before every fork (it comes back when next used), also when it was
# not this package that made it. Nothing happens while OpenCV is not loaded.
_threads_before_fork = 1


def _before_fork() -> None:
    global _threads_before_fork
    cv2 = sys.modules.get("cv2")
    if cv2 is not None and hasattr(cv2, "setNumThreads"):
        _threads_before_fork = cv2.getNumThreads()
        cv2.setNumThreads(1)


def _after_fork_in_parent() -> None:
    cv2 = sys.modules.get("cv2")
    if cv2 is not None and hasattr(cv2, "setNumThreads"):
        cv2.setNumThreads(_threads_before_fork)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent)
