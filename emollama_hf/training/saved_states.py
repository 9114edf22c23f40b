"""States of a training on the disk, from which a killed run goes on: only those that were written to the end count."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from emollama_hf.training.training_error import TrainingError

#: What torch.save says where a file cannot be written to its end.
_TORCH_CANNOT_WRITE = ("inline_container", "iostream error", "PytorchStreamWriter")
#: A disk with less room is full.
_FULL_BELOW = 4_000_000
#: The last file of a state: one without it was not written to the end.
COMPLETE = "complete"
_STATE = re.compile(r"checkpoint-(\d+)")


def states(folder: Path) -> dict[int, Path]:
    """The folders of states by their optimiser step, rising; complete or not."""
    found = {}
    for path in folder.glob("checkpoint-*"):
        match = _STATE.fullmatch(path.name)
        if match and path.is_dir():
            found[int(match[1])] = path
    return dict(sorted(found.items()))


def last_state(folder: Path) -> Path | None:
    """The last state that was written to the end; None if there is none."""
    complete = [path for path in states(folder).values() if (path / COMPLETE).is_file()]
    return complete[-1] if complete else None


def remove_incomplete(folder: Path) -> None:
    """Remove the states that a killed or failed process was writing."""
    for path in states(folder).values():
        if not (path / COMPLETE).is_file():
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def saving(folder: Path, step: int) -> Iterator[None]:
    """While a state is written: a full disk is one clear error, and leaves the states before.

    Raises:
        TrainingError: the disk is full, or the folder cannot be written to.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        text = " ".join(str(error).split())
        if isinstance(error, RuntimeError) and not any(one in text for one in _TORCH_CANNOT_WRITE):
            raise
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "os error 28" in text
        full = full or shutil.disk_usage(folder).free < _FULL_BELOW  # torch does not say why a file cannot be written
        remove_incomplete(folder)
        kept = [number for number in states(folder) if number != step]
        on = f"goes on at step {kept[-1]}" if kept else "begins again"
        reason = "the disk is full" if full else text
        raise TrainingError(
            f"the state of step {step} was not written: {reason}. The next run with the same options {on}. Make room "
            f"on the disk of {folder.parent.parent}, and run the same again."
        ) from error
