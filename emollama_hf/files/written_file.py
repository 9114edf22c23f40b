"""Files that this package wrote: their hashes when they were written, and whether their bytes are still the same.

sha256 is what publication states. Reading is checked by xxh3_128, ten times as fast (`benchmarks/checking.py`); it
notices damage, and is no proof against somebody who means to deceive. Files of versions that recorded sha256 alone are
checked by that.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import xxhash

from emollama_hf.files.digest import FileState, file_state, hash_file, is_settled
from emollama_hf.files.small_file import open_regular

READ_BYTES = 2**20

# Within this process: states of files that were found intact, and the hash that they were compared with.
_intact: dict[FileState, str] = {}


class Written(Protocol):
    """What is known of a file's bytes. xxh3_128: None where an earlier version wrote the file."""

    @property
    def bytes(self) -> int: ...

    @property
    def sha256(self) -> str: ...

    @property
    def xxh3_128(self) -> str | None: ...


@dataclass(frozen=True)
class WrittenFile:
    """Size in bytes and hashes, hexadecimal, of a file when it was written."""

    bytes: int
    sha256: str
    xxh3_128: str | None = None

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> WrittenFile:
        return cls(found["bytes"], found["sha256"], found.get("xxh3_128"))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Hashes:
    """Both hashes of bytes that pass by."""

    def __init__(self) -> None:
        self._size, self._sha256, self._xxh3 = 0, hashlib.sha256(), xxhash.xxh3_128()

    def update(self, block: Any) -> None:
        with memoryview(block) as view:
            self._size += view.nbytes
        self._sha256.update(block)
        self._xxh3.update(block)

    def written(self) -> WrittenFile:
        return WrittenFile(self._size, self._sha256.hexdigest(), self._xxh3.hexdigest())


def read_written(path: Path) -> WrittenFile:
    """Size and hashes of a file as it is now, read once."""
    hashes = Hashes()
    _read_into(hashes, path)
    return hashes.written()


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
    expected = written.xxh3_128 or written.sha256
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
