"""Where a clip's bytes are: a local file, a URL of any fsspec scheme, or bytes in memory."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ..errors import ClipError
from .limits import check_bytes
from .settings import DecodeLimits

ClipSource = str | os.PathLike[str] | bytes


def is_url(source: object) -> bool:
    """Whether a string names something that fsspec opens (`s3://...`, also chained: `zip://a.mp4::x.zip`)."""
    return isinstance(source, str) and ("://" in source or "::" in source)


@contextmanager
def local_file(source: ClipSource, limits: DecodeLimits) -> Iterator[Path | bytes]:
    """The clip as something that can be read again and again: a path, or the bytes themselves.

    A URL is fetched into a temporary file, which is removed on leaving. The index of a clip is made by reading
    all of its packets, so nearly every byte is needed anyway; and some servers cannot serve parts of a file.
    Raises ClipError: missing_file, empty_file, limit_exceeded.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        check_bytes(len(source), limits)
        yield bytes(source)
    elif is_url(source):
        handle, name = tempfile.mkstemp(prefix="emollama_hf-")
        try:
            with os.fdopen(handle, "wb") as copy:
                _fetch(str(source), copy, limits)
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)
    else:
        path = Path(source)
        try:
            size = path.stat().st_size
        except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
            raise ClipError("missing_file", f"no such file ({error}). Check the path, or remove the row.") from error
        if path.is_dir():
            raise ClipError(
                "not_a_video",
                "this is a folder and not a video file. A folder of pictures belongs in the column 'frames'.",
            )
        check_bytes(size, limits)
        yield path


def _fetch(url: str, copy: IO[bytes], limits: DecodeLimits) -> None:
    import fsspec

    try:
        with fsspec.open(url, "rb") as remote:
            capped: Any = _Capped(remote, limits)
            shutil.copyfileobj(capped, copy, 2**20)
    except (ClipError, ImportError, MemoryError):
        raise  # ImportError: a package for this scheme is not installed, which is nobody's clip's fault
    except Exception as error:  # every back end has exceptions of its own, below no common class
        raise ClipError(
            "missing_file",
            f"cannot be fetched ({type(error).__name__}: {error}). Check the URL and your access to it.",
        ) from error
    check_bytes(copy.tell(), limits)


class _Capped:
    """A stream that refuses to give more than `max_bytes`, so that an endless one cannot fill the disk."""

    def __init__(self, stream: Any, limits: DecodeLimits) -> None:
        self._stream, self._limits, self._read = stream, limits, 0

    def read(self, size: int) -> bytes:
        data: bytes = self._stream.read(size)
        self._read += len(data)
        if data:
            check_bytes(self._read, self._limits)
        return data
