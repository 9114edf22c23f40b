"""The folder that a training writes: new, or that of an earlier call with the same options, which goes on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emollama_hf.files.atomic_write import write_files
from emollama_hf.files.given_path import given_path
from emollama_hf.files.json_text import json_text
from emollama_hf.files.strict_json import read_object
from emollama_hf.training.training_error import TrainingError

#: States of a training that is not finished; removed when it is.
STATES = ".training"
_RUN = "run.json"


@dataclass(frozen=True)
class RunFolder:
    """Where a training's files lie.

    Attributes:
        path: the folder that was named.
        identity: what decides the result, JSON-able.
    """

    path: Path
    identity: dict[str, Any]

    def states(self, fold: str) -> Path:
        """The folder of one training's states."""
        return self.path / STATES / fold

    def begin(self) -> None:
        """Note what is trained here, before the first step.

        Raises:
            TrainingError: the folder cannot be written to.
        """
        try:
            write_files(self.path, {})
            write_files(self.path / STATES, {_RUN: json_text(self.identity).encode()})
        except OSError as error:
            raise TrainingError(
                f"{self.path} cannot be written to ({error.strerror}). Choose another folder."
            ) from error


def check_run_folder(out: str | os.PathLike[str]) -> Path:
    """The path of a folder that is new, or holds a training.

    Raises:
        TrainingError: it is a file, or holds something else.
    """
    path = given_path(out, error=TrainingError)
    if path.exists() and not path.is_dir():
        raise TrainingError(f"{path} is a file, expected a folder that is new. Choose another.")
    if path.is_dir() and any(path.iterdir()) and _recorded(path) is None:
        raise TrainingError(
            f"{path} is not empty and holds no training of emollama_hf. Choose another folder, or empty it."
        )
    return path


def open_run_folder(out: str | os.PathLike[str], identity: dict[str, Any]) -> RunFolder:
    """The folder of a training, new or the same one's.

    Raises:
        TrainingError: it holds something else, or a training with other options or rows: which ones, and what to do.
    """
    path = check_run_folder(out)
    before = _recorded(path) or identity
    changed = [name for name in sorted(before.keys() | identity.keys()) if before.get(name) != identity.get(name)]
    if changed:
        told = "; ".join(
            f"{name}: {_short(before.get(name))} there, {_short(identity.get(name))} now" for name in changed
        )
        raise TrainingError(
            f"{path} holds a training that differs from this one ({told}). Choose another folder, or remove that one."
        )
    return RunFolder(path, identity)


def _recorded(path: Path) -> dict[str, Any] | None:
    """What the training in a folder is, begun or finished; None if there is none."""
    try:
        return read_object(path / STATES / _RUN)
    except (OSError, ValueError):
        return None


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
