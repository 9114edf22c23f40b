"""What a process has to say that may be ended from within, with no chance to say it itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def last_words(message: str) -> Iterator[None]:
    """Write `message` to standard error if this process ends within the block.

    Another process waits for that: Ray's core ends a process at once when its part of the cluster dies.
    """
    try:
        error = sys.stderr.fileno()
    except (OSError, ValueError, AttributeError):  # a notebook's
        error = 2
    command = ["sh", "-c", 'read -r line || echo "$0" >&2', message]
    try:
        waiting = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=error)
    except OSError:  # no shell: do without
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError):
            waiting.communicate(b"all is well\n")
