"""A directory that is whole or absent: written beside its place and moved there at the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from emollama_hf.errors import ModelError
from emollama_hf.files.given_path import given_path

_LOCK = ".lock"


@contextmanager
def work_directory(target: str | os.PathLike[str]) -> Iterator[Path]:
    """A folder beside `target` that becomes `target` when the block ends, and is removed when it fails.

    What a killed process left of an earlier try is removed first; a running one is left alone. Raises ModelError if
    `target` holds something, if it cannot be made, and if another process is writing it now.
    """
    target = Path(os.path.realpath(given_path(target, error=ModelError)))
    try:
        _check_free(target)
    except OSError as error:
        raise ModelError(f"{target} cannot be looked at ({error.strerror}). Choose another place.") from error
    work = target.with_name(f".{target.name}.partial")
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(f"{target.parent} cannot be written to ({error.strerror}). Choose another place.") from error
    lock = FileLock(work / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ModelError(f"another process is writing {target} now. Wait for it, or choose another place.") from None
    except OSError as error:
        raise ModelError(f"{work} is another's ({error.strerror}). Remove it, or choose another place.") from error
    try:
        _check_free(target)  # another process may have finished before the lock was free
        _empty(work)
        yield work
        # The lock is moved with the rest: whoever waits for it finds the directory finished.
        work.replace(target)
        (target / _LOCK).unlink()
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    finally:
        lock.release()


def _check_free(target: Path) -> None:
    if os.path.ismount(target):
        raise ModelError(f"{target} is a mount point, which nothing can be moved to. Name a directory inside it.")
    if target.is_dir() and target.samefile(os.curdir):
        raise ModelError(f"{target} is the current directory, which would be replaced. Name a directory inside it.")
    if target.exists() and not target.is_dir():
        raise ModelError(f"{target} is a file, expected a directory that is new or empty. Choose another place.")
    if target.is_dir() and any(target.iterdir()):
        raise ModelError(f"{target} exists and is not empty. Remove it, or write to another directory.")


def _empty(work: Path) -> None:
    for path in work.iterdir():
        if path.name == _LOCK:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
