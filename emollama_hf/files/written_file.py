"""Files that this package wrote: their hashes when they were written, and whether their bytes are still the same.

Reading is checked by xxh3_128, ten times as fast as sha256 (`benchmarks/checking.py`); it notices damage, and is no
proof against somebody who means to deceive. sha256 is what publication states, so that only files that may be published
have it. Files of versions that recorded sha256 alone are checked by that.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import xxhash

from emollama_hf.files.digest import FileState, file_state, hash_file, is_settled
from emollama_hf.files.small_file import open_regular

READ_BYTES = 2**20

# Within this process: states of files that were found intact, and the hash that they were compared with.
_intact: dict[FileState, str] = {}


class Written(Protocol):
    """What is known of a file's bytes, hashes hexadecimal.

    xxh3_128: None where an earlier version wrote the file. sha256: None where the file is not for publication.
    """

    @property
    def bytes(self) -> int: ...

    @property
    def sha256(self) -> str | None: ...

    @property
    def xxh3_128(self) -> str | None: ...


@dataclass(frozen=True)
class WrittenFile:
    """Size in bytes and hashes of a file when it was written, as `Written` describes them."""

    bytes: int
    xxh3_128: str | None
    sha256: str | None = None

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> WrittenFile:
        return cls(found["bytes"], found.get("xxh3_128"), found.get("sha256"))

    def to_json(self) -> dict[str, Any]:
        hashes = {"xxh3_128": self.xxh3_128, "sha256": self.sha256}
        return {"bytes": self.bytes, **{name: value for name, value in hashes.items() if value is not None}}


class FileHashes(NamedTuple):
    """Size in bytes and both hashes, hexadecimal, of a file."""

    bytes: int
    sha256: str
    xxh3_128: str


class PassingBytes:
    """Size and xxh3_128 of bytes that pass by on their way to a file."""

    def __init__(self) -> None:
        self._size, self._xxh3 = 0, xxhash.xxh3_128()

    def update(self, block: memoryview) -> None:
        """block: of bytes."""
        self._size += block.nbytes
        self._xxh3.update(block)

    def written(self) -> WrittenFile:
        return WrittenFile(self._size, self._xxh3.hexdigest())


def hashes_of(path: Path) -> FileHashes:
    """Size and both hashes of a file as it is now, read once.

    Raises:
        OSError: The file cannot be read.
    """
    hashes = _BothHashes()
    _read_into(hashes, path)
    return FileHashes(hashes.size, hashes.sha256.hexdigest(), hashes.xxh3.hexdigest())


class _BothHashes:
    def __init__(self) -> None:
        self.size, self.sha256, self.xxh3 = 0, hashlib.sha256(), xxhash.xxh3_128()

    def update(self, block: memoryview) -> None:
        self.size += block.nbytes
        self.sha256.update(block)
        self.xxh3.update(block)


def xxh3_of(path: Path) -> str:
    """xxh3_128 of a file's bytes, read now; 32 hexadecimal digits."""
    hashed = xxhash.xxh3_128()
    _read_into(hashed, path)
    return str(hashed.hexdigest())


def is_as_written(path: Path, written: Written, *, read_again: bool = True) -> bool:
    """Whether a file's bytes are those that were written.

    Args:
        path: The file.
        written: Its size and hashes.
        read_again: False: what this process has found intact is not read again while the file's size, times and inode
            stay as they were.

    Raises:
        OSError: The file cannot be read.
    """
    expected = written.xxh3_128 or written.sha256 or ""
    state = file_state(path)
    if not read_again and _intact.get(state) == expected:
        return True
    if state[1] != written.bytes:
        return False
    intact = (hash_file if written.xxh3_128 is None else xxh3_of)(path) == expected
    if intact and is_settled(state):
        _intact[state] = expected
    return intact


def _read_into(hashed: Any, path: Path) -> None:
    block = bytearray(READ_BYTES)
    view = memoryview(block)
    with open_regular(path) as file:
        while count := file.readinto(block):
            hashed.update(view[:count])
