"""States of a training on the disk, from which a killed run goes on: only those that were written to the end count."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from emollama_hf.console.logs import package_logger
from emollama_hf.files.atomic_write import write_files
from emollama_hf.files.digest import hash_file
from emollama_hf.files.json_text import json_text
from emollama_hf.files.strict_json import read_object
from emollama_hf.training.training_error import TrainingError

logger = package_logger(__name__)

#: What torch.save says where a file cannot be written to its end.
_TORCH_CANNOT_WRITE = ("inline_container", "iostream error", "PytorchStreamWriter")
#: A disk with less room is full.
_FULL_BELOW = 4_000_000
#: The last file of a state, with the hashes of the others: a state without it was not written to the end.
COMPLETE = "complete.json"
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
    complete = [path for path in states(folder).values() if _is_complete(path)]
    return complete[-1] if complete else None


def begin_state(state: Path) -> None:
    """Note that a state is being written, which may replace one of the same step."""
    (state / COMPLETE).unlink(missing_ok=True)


def end_state(state: Path) -> None:
    """Note that a state is written to the end."""
    hashes = {path.name: hash_file(path) for path in sorted(state.iterdir()) if path.name != COMPLETE}
    write_files(state, {COMPLETE: json_text(hashes).encode()})


def remove_damaged(folder: Path) -> None:
    """Remove the states that a killed or failed process was writing, and those whose files have changed since.

    After a power cut a file can be shorter than it was written, or full of zeros.
    """
    remove_incomplete(folder)
    for path in states(folder).values():
        if not _is_whole(path):
            logger.warning("the saved state %s is damaged, and is removed: training goes on before it.", path)
            shutil.rmtree(path, ignore_errors=True)


def remove_incomplete(folder: Path) -> None:
    """Remove the states that a killed or failed process was writing."""
    for path in states(folder).values():
        if not _is_complete(path):
            shutil.rmtree(path, ignore_errors=True)


def remove_states(folder: Path) -> None:
    """Remove every state."""
    for path in states(folder).values():
        shutil.rmtree(path, ignore_errors=True)


def _is_complete(state: Path) -> bool:
    return (state / COMPLETE).is_file()


def _is_whole(state: Path) -> bool:
    """Whether a state has the files that were written, with their content."""
    try:
        hashes = read_object(state / COMPLETE)
        return bool(hashes) and all(hash_file(state / name) == one for name, one in hashes.items())
    except (OSError, ValueError):
        return False


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
