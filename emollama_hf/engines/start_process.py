"""Processes that a program starts without running the program again."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_main() -> Iterator[None]:
    """Processes that are spawned within the block do not import this process's `__main__`.

    They would run the user's script up to this very call, and die of it, unless it has `if __name__ == "__main__":`.
    They need nothing of it: what they compute with is named by its module. multiprocessing looks for these two names.
    """
    main = sys.modules["__main__"]
    names = ("__spec__", "__file__")
    hidden = {name: vars(main)[name] for name in names if name in vars(main)}
    main.__spec__ = None
    vars(main).pop("__file__", None)
    try:
        yield
    finally:
        vars(main).update(hidden)


def end_with_parent() -> None:
    """Wait for the end of the process that has spawned this one, then end. For a thread of its own."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()  # a parent that was killed tells nobody
        os._exit(1)
