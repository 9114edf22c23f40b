"""Identities of files and of what they compute: sha256, hexadecimal."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

#: Smaller files are hashed sooner than their hash is looked up.
REMEMBERED_BYTES = 16_000_000
#: A file that was changed so lately may be changed again without its time showing it.
SETTLED_NS = 2_000_000_000

#: Path, size, and what tells of a change: the time of the last one, for a folder a digest of all its files' times.
Key = tuple[str, int, int | str]

# Within this process: what was computed.
_remembered: dict[Key, str] = {}


def sha256_file(path: Path) -> str:
    """sha256 of a file's bytes; gigabytes are read once, by whichever process comes first.

    Remembered by path, size and time of the last change, in this process and, for large files, in the user's cache
    (HF_HOME).
    """
    path = path.resolve()
    status = path.stat()
    key = (str(path), status.st_size, status.st_mtime_ns)
    return _recalled(key, status.st_mtime_ns, lambda: hash_file(path))


def folder_digest(folder: Path, pattern: str) -> str:
    """Digest of the names and bytes of a folder's files that match a pattern; the same wherever the folder lies.

    Remembered as `sha256_file` remembers, while no such file comes, goes, or changes its size or time.
    """
    folder = folder.resolve()
    paths = sorted(path for path in folder.glob(pattern) if path.is_file())
    states = [(path.name, status.st_size, status.st_mtime_ns) for path in paths for status in [path.stat()]]
    key = (str(folder / pattern), sum(size for _, size, _ in states), json_digest(states))
    changed_ns = max((mtime_ns for *_, mtime_ns in states), default=0)
    return _recalled(key, changed_ns, lambda: files_digest((path.name, hash_file(path)) for path in paths))


def _recalled(key: Key, changed_ns: int, compute: Callable[[], str]) -> str:
    """A digest from this process's memory, for much data from the user's cache, or else computed."""
    path, size, _ = key
    if key not in _remembered:
        note = _note(path) if size >= REMEMBERED_BYTES else None
        _remembered[key] = (note and _read_note(note, key)) or compute()
        if note is not None and time.time_ns() - changed_ns > SETTLED_NS:
            _write_note(note, key, _remembered[key])
    return _remembered[key]


def remember(path: Path, sha256: str) -> None:
    """Spare this process the reading of a file whose hash is known: one that was hashed before it was renamed."""
    path = path.resolve()
    status = path.stat()
    _remembered[(str(path), status.st_size, status.st_mtime_ns)] = sha256


def files_digest(files: Iterable[tuple[str, str]]) -> str:
    """One digest for (name, sha256) of several files, whatever their order."""
    return combined(*(f"{name} {sha256}" for name, sha256 in sorted(files)))


def json_digest(value: Any) -> str:
    """Digest of a JSON-able value, whatever the order of its keys."""
    return combined(json.dumps(value, sort_keys=True, separators=(",", ":")))


def combined(*texts: str) -> str:
    """Digest of a list of texts; no two different lists share their bytes."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def hash_file(path: Path) -> str:
    """sha256 of a file's bytes, read now."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _note(path: str) -> Path:
    # A file of its own for each, renamed into place: safe with any number of processes, on any file system.
    from huggingface_hub.constants import HF_HOME

    return Path(HF_HOME) / "emollama_hf" / "sha256" / f"{combined(path)}.json"


def _read_note(note: Path, key: Key) -> str | None:
    try:
        *recorded, sha256 = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return None
    return sha256 if tuple(recorded) == key and isinstance(sha256, str) else None


def _write_note(note: Path, key: Key, sha256: str) -> None:
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=note.parent, suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump([*key, sha256], file)
        os.replace(name, note)
    except OSError:
        pass  # a cache that cannot be written to costs time and nothing else
