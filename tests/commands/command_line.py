"""`emollama-hf` as a person meets it: a process of its own, what it prints, how it ends."""

from __future__ import annotations

import os
import subprocess
import sys

from tests import second_process

MAIN = "from emollama_hf.cli import main; main()"


def run(*arguments: str, status: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command that must end with `status`. environment: variables to add."""
    return _ended(second_process.run(MAIN, *arguments, environment=environment), status)


def run_fresh(*arguments: str, status: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    """The same in an interpreter that has imported nothing: for variables that libraries read when imported."""
    command = [sys.executable, "-c", MAIN, *arguments]
    ran = subprocess.run(
        command, capture_output=True, text=True, timeout=200, stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )  # fmt: skip
    return _ended(ran, status)


def _ended(ran: subprocess.CompletedProcess[str], status: int) -> subprocess.CompletedProcess[str]:
    assert ran.returncode == status, f"ended with {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
    return ran
