"""The folder that a training writes: new, or that of an earlier call with the same options, which goes on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from emollama_hf.files.atomic_write import partial_name, write_files
from emollama_hf.files.given_path import given_path
from emollama_hf.files.json_text import json_text
from emollama_hf.files.strict_json import read_object
from emollama_hf.training.training_error import TrainingError

#: States of a training that is not finished; removed when it is.
STATES = ".training"
_RUN, _LOCK = "run.json", "lock"


@dataclass(frozen=True)
class RunFolder:
    """Where a training's files lie.

    Attributes:
        path: the folder that was named.
        identity: what decides the result, JSON-able.
    """

    path: Path
    identity: dict[str, Any]

    def states(self, number: int) -> Path:
        """The folder of one training's states.  number: of its fold; a fold's name can be a path, or too long."""
        return self.path / STATES / str(number)

    @contextmanager
    def begun(self) -> Iterator[None]:
        """The block trains here, and no other process does meanwhile. What is trained is noted before the first step.

        Raises:
            TrainingError: the folder cannot be written to, or another process trains into it.
        """
        lock = FileLock(self.path / STATES / _LOCK)
        try:
            (self.path / STATES).mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout:
            raise TrainingError(
                f"another process trains into {self.path} now. Wait for it, or choose another folder."
            ) from None
        except OSError as error:
            raise self._not_written(error) from error
        try:
            open_run_folder(self.path, self.identity)  # that another process may have begun in meanwhile
            try:
                write_files(self.path / STATES, {_RUN: json_text(self.identity).encode()})
            except OSError as error:
                raise self._not_written(error) from error
            yield
        finally:
            lock.release()

    def _not_written(self, error: OSError) -> TrainingError:
        return TrainingError(f"{self.path} cannot be written to ({error.strerror or error}). Choose another folder.")


def check_run_folder(out: str | os.PathLike[str]) -> Path:
    """The path of a folder that is new, or holds a training.

    Raises:
        TrainingError: it is a file, or holds something else.
    """
    path = given_path(out, error=TrainingError)
    if path.exists() and not path.is_dir():
        raise TrainingError(f"{path} is a file, expected a folder that is new. Choose another.")
    if path.is_dir() and not _is_new(path) and _recorded(path) is None:
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
    before = identity if not path.is_dir() or _is_new(path) else _recorded(path) or identity
    changed = [name for name in sorted(before.keys() | identity.keys()) if before.get(name) != identity.get(name)]
    if changed:
        told = "; ".join(
            f"{name}: {_short(before.get(name))} there, {_short(identity.get(name))} now" for name in changed
        )
        raise TrainingError(
            f"{path} holds a training that differs from this one ({told}). Choose another folder, or remove that one."
        )
    return RunFolder(path, identity)


def _is_new(path: Path) -> bool:
    """Whether a folder is empty, or holds what a call leaves that was ended before it noted what it trains."""
    inside = [one.name for one in path.iterdir()]
    states = path / STATES
    return not inside or (
        inside == [STATES]
        and states.is_dir()
        and all(one.name in (_LOCK, partial_name(_RUN)) for one in states.iterdir())
    )


def _recorded(path: Path) -> dict[str, Any] | None:
    """What the training in a folder is, begun or finished; None if there is none."""
    try:
        return read_object(path / STATES / _RUN)
    except (OSError, ValueError):
        return None


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
