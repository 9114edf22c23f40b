"""Processes that talk to places over HTTP: they read their environment when they start, as a user's do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.hub import Hub

ROOT = Path(__file__).parents[2]


def run(code: str, environment: dict[str, str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run some Python in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, capture_output=True,
        text=True, timeout=300,
    )  # fmt: skip
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done


def start(code: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    """Start some Python, to be killed."""
    return subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def on_hub(server: Hub, home: Path, code: str, *, token: str | None = None, check: bool = True) -> str:
    """What some Python prints that talks to a Hub, its logs included."""
    done = run(f"import logging; logging.basicConfig()\n{code}", server.environment(home, token=token), check=check)
    return done.stdout + done.stderr


#: At the top of code that may not use this package, which is how a colleague opens features.
WITHOUT_PACKAGE = 'import sys; sys.modules["emollama_hf"] = None\n'
