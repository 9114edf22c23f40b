"""Processes that end in the middle: killed at a given system call, or interrupted there as by Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

#: Whether a process should end at an audit event of Python, by the event's name and arguments.
Moment = Callable[[str, tuple[Any, ...]], bool]

_moment: Moment | None = None
_hooked = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _moment is not None and not event.startswith(("object.", "import", "compile")) and _moment(event, arguments):
        raise KeyboardInterrupt(event)


@contextmanager
def interrupted_at(moment: Moment) -> Iterator[None]:
    """Ctrl-C reaches this process at the first event that `moment` names, before the system has done it."""
    global _hooked, _moment
    if not _hooked:  # a hook of Python stays for the life of the process
        sys.addaudithook(_hook)
        _hooked = True
    reached = []

    def first(event: str, arguments: tuple[Any, ...]) -> bool:
        if not reached and moment(event, arguments):
            reached.append(event)
            return True
        return False

    _moment = first
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        _moment = None
    assert reached, "the moment never came"


def killed_at(moment: Moment, run: Callable[[], object]) -> None:
    """Do something in a forked process that is killed at the first event that `moment` names."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:

            def kill(event: str, arguments: tuple[Any, ...]) -> None:
                if event != "os.kill" and moment(event, arguments):
                    os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(kill)
            run()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, "the moment never came"


def renaming_to(text: str) -> Moment:
    """The rename of a file or folder to a path that contains `text`."""
    return lambda event, arguments: event == "os.rename" and text in str(arguments[1])
