"""The disk that a model directory is written to: room before, progress on the way, and what is said when it is full."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from rich.filesize import decimal
from safetensors import SafetensorError

from emollama_hf.errors import ModelError

#: Called with the bytes that were written and their total.
Progress: TypeAlias = Callable[[int, int], None]


def check_room(work: Path, needed: int) -> None:
    """Raise ModelError if the disk of a folder has not so many bytes free."""
    free = shutil.disk_usage(work).free
    if free < needed:
        raise ModelError(
            f"{work.parent} has {decimal(free)} free, the result needs {decimal(needed)}. "
            "Make room, or choose another disk for --out."
        )


def counter(progress: Progress, total: int) -> Callable[[int], None]:
    """A function that is called with the bytes of each tensor that was written."""
    done = 0

    def written(size: int) -> None:
        nonlocal done
        done += size
        progress(done, total)

    return written


@contextmanager
def disk_errors(work: Path, out: Path) -> Iterator[None]:
    """A disk that fills up, or a folder that may not be written to, as one line."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        # safetensors passes the system's error on as text.
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "os error 28" in str(error)
        reason = "the disk is full" if full else " ".join(str(error).split())
        advice = f"Make room on the disk of {work.parent}, or choose another for --out" if full else "Mend that first"
        raise ModelError(f"{out} was not written: {reason}. Nothing was left behind. {advice}.") from error
