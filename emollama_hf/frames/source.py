"""Where a clip's bytes are: a local file, a URL of any fsspec scheme, or bytes in memory."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from emollama_hf.console.safe_errors import without_secrets_in_error
from emollama_hf.errors import ClipError
from emollama_hf.files.small_file import OddFileError, check_regular
from emollama_hf.frames.limits import check_bytes
from emollama_hf.frames.settings import DecodeLimits
from emollama_hf.text.secrets import without_secrets

FILE_URL = "file://"

ClipSource = str | os.PathLike[str] | bytes


def local_path(source: object) -> Path | None:
    """The file of this machine that a value names: a path, or a `file://` URL. None for other URLs and other values.

    A file that exists is a file, whatever its name looks like (`10::30.mp4`). The `%20` of a URL is a blank, unless
    only a file with `%20` in its name exists.
    """
    if isinstance(source, os.PathLike):
        return Path(source)
    if not isinstance(source, str):
        return None
    if os.path.lexists(source):
        return Path(source)
    if source.startswith(FILE_URL):
        encoded = source.removeprefix(FILE_URL)
        encoded = encoded.removeprefix("localhost") if encoded.startswith("localhost/") else encoded
        decoded = os.fsdecode(unquote_to_bytes(encoded))
        if "::" in encoded and not os.path.lexists(decoded):
            return None  # a chain of fsspec
        return Path(encoded if os.path.lexists(encoded) and not os.path.lexists(decoded) else decoded)
    return None if "://" in source else Path(source)


def is_url(source: object) -> bool:
    """Whether a string names something that fsspec opens (`s3://...`, also chained: `zip://a.mp4::x.zip`)."""
    return isinstance(source, str) and local_path(source) is None


def path_as_text(path: Path) -> str:
    """A path as text that can be stored: itself, or a `file://` URL where its bytes are not UTF-8."""
    return str(path) if shown_name(str(path)) == str(path) else path.as_uri()


def shown_name(name: str) -> str:
    """A file's name as text that can be stored and printed: bytes that are not UTF-8 look as in a URL (`m%FCller`)."""
    return re.sub("[\udc80-\udcff]", lambda byte: f"%{ord(byte[0]) - 0xDC00:02X}", name)


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
    elif (path := local_path(source)) is None:
        handle, name = tempfile.mkstemp(prefix="emollama_hf-")
        try:
            with os.fdopen(handle, "wb") as copy:
                _fetch(str(source), copy, limits)
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)
    else:
        check_not_empty(source)
        found = file_status(path)
        if stat.S_ISDIR(found.st_mode):
            raise ClipError(
                "not_a_video",
                "this is a folder and not a video file. A folder of pictures belongs in the column 'frames'.",
            )
        check_clip_file(found)
        check_bytes(found.st_size, limits)
        yield path


def check_not_empty(source: object) -> None:
    """ClipError("missing_file") for an empty text, which as a path would be the current folder."""
    if isinstance(source, str) and not source.strip():
        raise ClipError("missing_file", "the path is empty. Fill it in, or remove the row.")


def file_status(path: Path) -> os.stat_result:
    """What the file system says of a path; ClipError("missing_file") if it has no such file, or cannot have one."""
    try:
        return path.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
        reason = getattr(error, "strerror", None) or error
        raise ClipError("missing_file", f"no such file ({reason}). Check the path, or remove the row.") from error


def check_clip_file(found: os.stat_result) -> None:
    """ClipError("missing_file") for a pipe, a socket or a device: reading one may wait or go on for ever."""
    try:
        check_regular(found)
    except OddFileError as error:
        raise ClipError("missing_file", f"this is {error}. Copy its content to a file, or remove the row.") from error


def _fetch(url: str, copy: IO[bytes], limits: DecodeLimits) -> None:
    import fsspec

    try:
        with fsspec.open(url, "rb") as remote:
            capped: Any = _Capped(remote, limits)
            shutil.copyfileobj(capped, copy, 2**20)
        failed = None
    except (ClipError, MemoryError):
        raise
    except ImportError as error:  # a package for this scheme is not installed, which is nobody's clip's fault
        raise without_secrets_in_error(error) from None
    except Exception as error:  # every back end has exceptions of its own, below no common class
        failed = f"{type(error).__name__}: {without_secrets(str(error), url=url)}"
    if failed is not None:  # outside of the except clause: what the library raised may quote a part of the URL
        raise ClipError("missing_file", f"cannot be fetched ({failed}). Check the URL and your access to it.")
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
