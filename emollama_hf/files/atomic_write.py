"""Files that are whole or absent: written under another name beside their path, and renamed at the end.

    partial file ─► written ─► flushed to the disk, where that is asked for ─► renamed over the path

Written without these functions, each for the reason that stands there: a folder that becomes visible as a whole
(`work_directory`, shards of the work store), and files whose names depend on their content or number.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

#: A link that somebody put under the name meanwhile is not written through.
_NEW = os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def partial_name(name: str) -> str:
    """The name of a file of this name while it is being written."""
    return f".{name}.part"


@contextmanager
def atomic_path(path: Path, *, shared: bool = False) -> Iterator[Path]:
    """A path to write to, which is renamed to `path` when the block ends and removed if the block fails.

    Args:
        path: Of the file, in a folder that exists. An earlier file stays until it is replaced.
        shared: Whether processes may write the file at the same time, without a lock. Each then has a partial file of
            its own, with a short name, since `path` may have the longest name that the file system allows. Otherwise
            the partial file is called as `partial_name` says, and replaces what a killed process left under that name.

    Yields:
        Path of the partial file, which does not exist.

    Raises:
        OSError: The file cannot be written or renamed.

    Example:
        >>> with atomic_path(Path("features.npy")) as partial:
        ...     np.save(partial.open("xb"), features)
    """
    partial = path.with_name(partial_name(f"{os.getpid()}-{secrets.token_hex(4)}" if shared else path.name))
    partial.unlink(missing_ok=True)
    try:
        yield partial
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


@contextmanager
def atomic_file(path: Path, *, durable: bool, shared: bool = False, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A file to write to, opened for bytes, which becomes `path` when the block ends and is removed if the block fails.

    Args:
        path: As `atomic_path` takes it.
        durable: Whether the bytes are flushed to the disk before the rename, so that a power cut leaves the earlier
            file or this one. False for what can be computed again and is checked when it is read.
        shared: As `atomic_path` takes it.
        mode: Permission bits of the file, less those of the process's umask.

    Yields:
        The file.

    Raises:
        OSError: The file cannot be written or renamed.
    """
    with (
        atomic_path(path, shared=shared) as partial,
        os.fdopen(os.open(partial, os.O_WRONLY | _NEW, mode), "wb") as file,
    ):
        yield file
        if durable:
            file.flush()
            os.fsync(file.fileno())


def write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files of a folder, each whole or absent; earlier files of these names are replaced.

    Args:
        folder: Created if it does not exist.
        contents: Of each file, by its name.

    Raises:
        OSError: A file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        with atomic_file(folder / name, durable=False) as file:
            file.write(content)
