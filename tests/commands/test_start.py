"""Every command in an interpreter of its own: it starts, ends with the right status and imports what it needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from emollama_hf import __version__
from emollama_hf.cli import app

#: What takes a second or more to import.
HEAVY = ("torch", "transformers", "timm", "datasets")
#: For each command, something to do that ends at once; its status; and which heavy libraries it may have imported.
COMMANDS: dict[str, tuple[list[str], int, tuple[str, ...]]] = {
    "convert": (["--out", "model"], 1, ("torch", "transformers", "timm")),
    "demo": (["--out", "demo-features", "--model", "nothing/here/either"], 1, HEAVY),
    "doctor": ([], 0, HEAVY),
    "evaluate": (["nothing", "--prediction", "emotion", "--label", "truth"], 1, ("datasets",)),
    "export": (["nothing", "--npy", "npy"], 1, ("datasets",)),
    "extract": (["nothing", "--model", "random-tiny", "--out", "features"], 1, ("datasets",)),
    "finetune": (["nothing", "--model", "random-tiny", "--label", "truth", "--out", "adapter"], 1, HEAVY),
    "forget": (["nothing", "--where", "participant_id=P1"], 1, ("datasets",)),
    "info": (["nothing/here/either"], 1, ("datasets",)),
    "probe": (["nothing", "--label", "truth", "--group", "participant_id"], 1, ("datasets",)),
    "push_adapter": (["nothing", "org/name"], 1, HEAVY),
    "push": (["nothing", "place"], 1, ("datasets",)),
    "verify": (["nothing", "--source", "nothing"], 1, ("datasets",)),
}
PROGRAM = f"""
import sys, json, atexit
from emollama_hf.cli import main
atexit.register(lambda: print(json.dumps([name for name in {HEAVY} if name in sys.modules]), file=sys.stderr))
main()
"""


def test_every_command_is_here() -> None:
    assert sorted(COMMANDS) == sorted(str(command.callback.__name__) for command in app.registered_commands)  # type: ignore[union-attr]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_starts_ends_and_imports_what_it_needs(command: str, tmp_path: Path) -> None:
    arguments, status, allowed = COMMANDS[command]
    named = [command.replace("_", "-"), *arguments]
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, *named], cwd=tmp_path, capture_output=True, text=True, timeout=200,
        env={**os.environ, "COLUMNS": "120"},
    )  # fmt: skip
    assert ran.returncode == status, ran.stdout + ran.stderr
    *told, imported = ran.stderr.splitlines()
    assert set(json.loads(imported)) <= set(allowed)
    assert len(told) == status, "an error is one line, and nothing else is said there"
    assert (ran.stdout == "") == bool(status)


def test_the_module_is_the_program() -> None:
    command = [sys.executable, "-m", "emollama_hf.cli", "--version"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)
    assert ran.stdout.strip() == __version__
