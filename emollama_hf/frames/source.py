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

ClipSource = str | os.PathLike[str] | bytes


def is_url(source: object) -> bool:
    """Whether a string names something that fsspec opens (`s3://...`, also chained: `zip://a.mp4::x.zip`)."""
    return isinstance(source, str) and ("://" in source or "::" in source)


@contextmanager
def local_file(source: ClipSource, max_bytes: int) -> Iterator[Path | bytes]:
    """The clip as something that can be read again and again: a path, or the bytes themselves.

    A URL is fetched into a temporary file, which is removed on leaving. The index of a clip is made by reading
    all of its packets, so nearly every byte is needed anyway; and some servers cannot serve parts of a file.
    Raises ClipError: missing_file, empty_file, limit_exceeded.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        _check_size(len(source), max_bytes)
        yield bytes(source)
    elif is_url(source):
        handle, name = tempfile.mkstemp(prefix="emollama_hf-")
        try:
            with os.fdopen(handle, "wb") as copy:
                _fetch(str(source), copy, max_bytes)
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)
    else:
        path = Path(source)
        try:
            size = path.stat().st_size
        except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
            raise ClipError(
                "missing_file", f"no such file ({error}). Check the path, or remove the row."
            ) from error
        if path.is_dir():
            raise ClipError(
                "not_a_video",
                "this is a folder and not a video file. A folder of pictures belongs in the column 'frames'.",
            )
        _check_size(size, max_bytes)
        yield path


def _check_size(size: int, max_bytes: int) -> None:
    if size == 0:
        raise ClipError("empty_file", "0 bytes, so there is nothing to decode. Copy it again, or remove the row.")
    if size > max_bytes:
        raise _too_large(f"{size:,} bytes", max_bytes)


def _too_large(found: str, max_bytes: int) -> ClipError:
    return ClipError(
        "limit_exceeded",
        f"{found}, and at most max_bytes={max_bytes:,} are allowed. Raise DecodeLimits(max_bytes=...) if it is meant.",
    )


def _fetch(url: str, copy: IO[bytes], max_bytes: int) -> None:
    import fsspec

    try:
        with fsspec.open(url, "rb") as remote:
            shutil.copyfileobj(_Capped(remote, max_bytes), copy, 2**20)
    except (ClipError, ImportError, MemoryError):
        raise  # ImportError: a package for this scheme is not installed, which is nobody's clip's fault
    except Exception as error:  # every back end has exceptions of its own, below no common class
        raise ClipError(
            "missing_file",
            f"cannot be fetched ({type(error).__name__}: {error}). Check the URL and your access to it.",
        ) from error
    _check_size(copy.tell(), max_bytes)


class _Capped:
    """A stream that refuses to give more than `max_bytes`, so that an endless one cannot fill the disk."""

    def __init__(self, stream: Any, max_bytes: int) -> None:
        self._stream, self._max_bytes, self._read = stream, max_bytes, 0

    def read(self, size: int) -> bytes:
        data: bytes = self._stream.read(size)
        self._read += len(data)
        if self._read > self._max_bytes:
            raise _too_large("more bytes than that", self._max_bytes)
        return data
