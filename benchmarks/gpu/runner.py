"""Steps in processes that can be ended whatever they do: a kernel that hangs holds up nothing but itself."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any, TextIO

from benchmarks.gpu.lines import Report
from benchmarks.gpu.settings import Settings
from benchmarks.gpu.steps import Step

READY_SECONDS = 120.0
#: For a process that was killed; one that waits in a driver cannot be waited for.
GOODBYE_SECONDS = 5.0


class CannotRun(Exception):
    """No step can run here; says why."""


class Child:
    """A process of `child.py`, with its pipe."""

    def __init__(self, settings: Settings, log: TextIO | int) -> None:
        self._pipe, end = os.pipe()
        command = [sys.executable, "-m", "benchmarks.gpu.child", str(end), settings.to_json()]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, pass_fds=[end], text=True, start_new_session=True
        )  # fmt: skip
        os.close(end)
        self._unread = b""
        self._is_ready = False

    def wait_until_ready(self, seconds: float) -> None:
        """Raises CannotRun if it says that nothing can run, or says nothing."""
        if self._is_ready:
            return
        message = self.message(time.monotonic() + seconds)
        if message is None or message["event"] != "ready":
            error = (message or {}).get("error", "a process that runs steps did not start: see the log (--log)")
            raise CannotRun(error)
        self._is_ready = True

    def start(self, step: Step) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # a process that has died: its messages have ended, too
            self._process.stdin.write(step.name + "\n")
            self._process.stdin.flush()

    def message(self, deadline: float) -> dict[str, Any] | None:
        """The next one; None if none comes in time. Raises EOFError if the process has died."""
        while b"\n" not in self._unread:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._pipe], [], [], left)[0]:
                return None
            got = os.read(self._pipe, 1 << 16)
            if not got:
                raise EOFError
            self._unread += got
        line, _, self._unread = self._unread.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found

    def died(self) -> str:
        """How a process ended that ended by itself."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GOODBYE_SECONDS)
        code = self._process.poll()
        return f"its process died (exit code {code}; -9 is often a lack of memory, -11 a fault in a library)"

    def end(self) -> None:
        """Kill it, and all that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GOODBYE_SECONDS)
        os.close(self._pipe)


class Runner:
    """Runs steps one after the other until a moment; what they say goes to the report.

    until: on the clock of `time.monotonic`. limits: seconds by name of a step, in place of its own. log: takes what
    processes print, as subprocess.Popen takes it.
    """

    def __init__(
        self, settings: Settings, report: Report, until: float, limits: dict[str, float], log: TextIO | int
    ) -> None:
        self._settings, self._report, self._until, self._limits = settings, report, until, limits
        self._log = log
        self._child: Child | None = None
        self._next: Child | None = None

    def run(self, steps: Sequence[Step]) -> None:
        """Raises CannotRun if this machine can run none."""
        group = ""
        try:
            for number, step in enumerate(steps):
                if self._child is not None and self._group(step) != group:
                    self._drop()
                group = self._group(step)
                if self._left() < step.least:
                    self._report.status(
                        step.name,
                        "skipped",
                        reason=f"{max(0.0, self._left()):.0f} s are left of --minutes, {step.least:.0f} are needed",
                    )
                    continue
                if self._child is None:
                    self._child, self._next = self._next or self._new(), None
                    self._child.wait_until_ready(READY_SECONDS)
                if any(self._group(later) != group for later in steps[number + 1 :]) and self._next is None:
                    self._next = self._new()  # imports while this one computes
                self._run(step, self._child)
        finally:
            self.end()

    def end(self) -> None:
        """End all processes; nothing of them outlives this one."""
        self._drop()
        if self._next is not None:
            self._next.end()
            self._next = None

    def _group(self, step: Step) -> str:
        # On a CPU a process of its own measures nothing better, and imports take all cores.
        return step.group if self._settings.on_gpu else self._settings.device

    def _new(self) -> Child:
        return Child(self._settings, self._log)

    def _left(self) -> float:
        return self._until - time.monotonic()

    def _drop(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None

    def _run(self, step: Step, child: Child) -> None:
        own = self._limits.get(step.name, step.seconds)
        limit = min(own, self._left())
        started = time.monotonic()
        child.start(step)
        while True:
            try:
                message = child.message(started + limit)
            except EOFError:
                self._report.status(step.name, "failed", error=child.died(), seconds=_since(started))
                self._drop()
                return
            if message is None:
                which = f"its limit of {own:g} s" if limit == own else "the end of --minutes"
                self._report.status(step.name, "cut", reason=f"it ran into {which}", seconds=_since(started))
                self._drop()
                return
            if message["event"] == "line":
                self._report.add(message["record"])
                continue
            if message["event"] == "unavailable":
                self._report.status(step.name, "skipped", reason=message["reason"], unavailable=True)
            elif message["event"] == "done":
                self._report.status(step.name, "done", seconds=_since(started))
            else:
                self._report.status(step.name, "failed", error=message["error"], seconds=_since(started))
                self._drop()  # after an error of CUDA nothing works any more in its process
            return


def _since(started: float) -> float:
    return round(time.monotonic() - started, 1)
