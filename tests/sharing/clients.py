"""Processes that talk to places over HTTP: they read their environment when they start, as a user's do."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests import second_process
from tests.hub import Hub

ROOT = Path(__file__).parents[2]


def run(code: str, environment: dict[str, str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run some Python in a process of its own, which has not imported this package."""
    return second_process.run(code, environment=environment, with_package=False, check=check, timeout=300)


def start(code: str, environment: dict[str, str]) -> second_process.SecondProcess:
    """Start some Python, to be killed."""
    return second_process.start(code, environment=environment, with_package=False)


def on_hub(server: Hub, home: Path, code: str, *, token: str | None = None, check: bool = True) -> str:
    """What some Python prints that talks to a Hub, its logs included."""
    done = run(f"import logging; logging.basicConfig()\n{code}", server.environment(home, token=token), check=check)
    return done.stdout + done.stderr


#: At the top of code that may not use this package, which is how a colleague opens features.
WITHOUT_PACKAGE = 'import sys; sys.modules["emollama_hf"] = None\n'
