"""The secret of `--key-secret`: from a file, or from a pipe, as a shell's `<(pass show lab)` gives one."""

from __future__ import annotations

import os
import select
import stat
import time
from pathlib import Path

from emollama_hf.errors import ShareError
from emollama_hf.files.small_file import KEY_BYTES, read_small

#: How long a pipe may take: a password manager asks for a passphrase first.
PIPE_S = 60.0


def read_secret(path: Path | None) -> str | None:
    """The secret in a file, without white space around it.

    Args:
        path: a file of at most 64 KiB, or a pipe, which ends within a minute.

    Returns:
        The secret; None without a path.

    Raises:
        ShareError: it cannot be read, is empty, or is too long.
    """
    if path is None:
        return None
    try:
        content = _from_pipe(path) if stat.S_ISFIFO(path.stat().st_mode) else read_small(path, at_most=KEY_BYTES)
        secret = content.decode("utf-8").strip()
    except OSError as error:
        raise ShareError(f"{path}: the secret cannot be read ({error.strerror or error}). Check the path.") from error
    except ValueError as error:
        raise ShareError(
            f"{path}: the secret cannot be read ({error}). Put some random characters into a file, and keep it."
        ) from error
    if not secret:
        raise ShareError(f"{path}: the secret is empty. Put some random characters into it, and keep it.")
    return secret


def _from_pipe(path: Path) -> bytes:
    """All that is written to a pipe, within bounds of bytes and time; nothing if nobody writes to it."""
    content, end = b"", time.monotonic() + PIPE_S
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        while time.monotonic() < end:
            try:
                piece = os.read(handle, KEY_BYTES)
            except BlockingIOError:  # somebody has it open and has not written yet
                select.select([handle], [], [], max(0.0, end - time.monotonic()))
                continue
            content += piece
            if not piece:
                return content
            if len(content) > KEY_BYTES:
                raise ValueError(f"more than {KEY_BYTES:,} bytes")
    finally:
        os.close(handle)
    raise ValueError(f"the pipe did not end within {PIPE_S:g} s")
