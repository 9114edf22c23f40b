"""Files that are read whole: regular files of bounded size, so that none is waited for and none fills the memory.

path ─► what the file system says of it ─► opened without waiting ─► at most so many bytes

Every module that reads a file of this machine opens it here (tests/files/test_small_file.py looks for others).
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader

from emollama_hf.errors import SafeMessage

#: Most bytes of a secret, or of a note that holds a hash.
KEY_BYTES = 2**16
#: Of settings, cards, citations and headers; an index of a model's tensors has a few hundred thousand.
TEXT_BYTES = 16 * 2**20
#: Of what describes the rows of a set or of a shard: a million rows.
MANIFEST_BYTES = 100_000_000
#: Of tables of labels, of names and of OpenFace: an hour of video has 650 MB.
TABLE_BYTES = 2**31

_KINDS = {
    stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip
# A pipe without a writer is opened at once. Regular files are read as without it.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class OddFileError(SafeMessage, ValueError):
    """A path names no regular file, or a file that is too large; the message says what, without the path."""


def check_regular(found: os.stat_result) -> None:
    """Check that a status is that of a regular file.

    Args:
        found: what the file system says of a file.

    Raises:
        IsADirectoryError: it is a directory.
        OddFileError: it is a pipe, a socket or a device, of which reading may wait or go on for ever.
    """
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(found.st_mode):
        raise OddFileError(f"{_KINDS.get(stat.S_IFMT(found.st_mode), 'a special file')}, expected a file")


def open_regular(path: str | os.PathLike[str]) -> BufferedReader:
    """Open a regular file for reading bytes; links are followed.

    Args:
        path: of the file.

    Returns:
        The file, which the caller closes.

    Raises:
        OSError: no such file, or it cannot be read.
        OddFileError: see `check_regular`, and a path that no file can have.
    """
    try:
        check_regular(os.stat(path))  # first: opening a device may already do something
        handle = os.open(path, _FLAGS)
    except OddFileError:
        raise
    except ValueError as error:  # a NUL, or a character that the file system's encoding has not
        raise OddFileError(f"a path that no file can have ({error})") from error
    try:
        check_regular(os.fstat(handle))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_small(path: str | os.PathLike[str], *, at_most: int = TEXT_BYTES) -> bytes:
    """All bytes of a regular file.

    Args:
        path: of the file; links are followed.
        at_most: bytes; a larger file is refused before it is read.

    Returns:
        The bytes.

    Raises:
        OSError: no such file, or it cannot be read.
        OddFileError: a pipe, a socket, a device, or a file that is too large.

    Example:
        >>> len(read_small("config.json"))
        812
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        content = file.read(at_most + 1) if size <= at_most else b""
    size = max(size, len(content))
    if size > at_most:
        raise OddFileError(f"{size:,} bytes, expected at most {at_most:,}")
    return content


def read_small_text(path: str | os.PathLike[str], *, at_most: int = TEXT_BYTES) -> str:
    """`read_small` as UTF-8 text, line breaks as they are; UnicodeDecodeError, a ValueError, for what is none."""
    return read_small(path, at_most=at_most).decode("utf-8")
