"""Identities of files and of what they compute: sha256, hexadecimal."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

#: Smaller files are hashed sooner than their hash is looked up.
REMEMBERED_BYTES = 250_000
#: A file that was changed so lately may be changed again without its time showing it.
SETTLED_NS = 2_000_000_000

# Within this process: what identifies a file's state, such as (path, size, mtime_ns) -> sha256.
_remembered: dict[tuple[str | int, ...], str] = {}


def sha256_file(path: Path) -> str:
    """sha256 of a file's bytes; a large one is read once, by whichever process comes first.

    Remembered by path, size and time of the last change, in this process and, for all but small files, in the user's
    cache (HF_HOME).
    """
    path = path.resolve()
    status = path.stat()
    state = (str(path), status.st_size, status.st_mtime_ns)
    if status.st_size < REMEMBERED_BYTES:
        if state not in _remembered:
            _remembered[state] = hash_file(path)
        return _remembered[state]
    return sha256_remembered(state, lambda: hash_file(path), settled=time.time_ns() - status.st_mtime_ns > SETTLED_NS)


def sha256_remembered(state: Sequence[str | int], compute: Callable[[], str], *, settled: bool = True) -> str:
    """The sha256 that `compute` gives for `state`, computed once.

    state: what changes with the content, the place first, such as a path, a size and a time. settled: whether a new
    content is sure to have another state, so that other processes may rely on it, too.
    """
    state = tuple(state)
    if state not in _remembered:
        note = _note(str(state[0]))
        _remembered[state] = _read_note(note, state) or compute()
        if settled:
            _write_note(note, state, _remembered[state])
    return _remembered[state]


def folder_digest(folder: Path, pattern: str) -> str:
    """Digest of the names and bytes of a folder's files that match a pattern; the same wherever the folder lies.

    Remembered as `sha256_file` remembers, while no such file comes, goes, or changes its size or time.
    """
    folder = folder.resolve()
    paths = sorted(path for path in folder.glob(pattern) if path.is_file())
    states = [(path.name, status.st_size, status.st_mtime_ns) for path in paths for status in [path.stat()]]
    changed_ns = max((mtime_ns for *_, mtime_ns in states), default=0)
    return sha256_remembered(
        (str(folder / pattern), json_digest(states)),
        lambda: files_digest((path.name, hash_file(path)) for path in paths),
        settled=time.time_ns() - changed_ns > SETTLED_NS,
    )


def remember(path: Path, sha256: str) -> None:
    """Spare everybody the reading of a file whose hash is known: one that was hashed before it was renamed."""
    path = path.resolve()
    status = path.stat()
    state = (str(path), status.st_size, status.st_mtime_ns)
    _remembered[state] = sha256
    if status.st_size >= REMEMBERED_BYTES:
        _write_note(_note(str(path)), state, sha256)


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


def _note(place: str) -> Path:
    # A file of its own for each, renamed into place: safe with any number of processes, on any file system.
    from huggingface_hub.constants import HF_HOME

    name = combined(place)
    return Path(HF_HOME) / "emollama_hf" / "sha256" / name[:2] / f"{name}.json"


def _read_note(note: Path, state: tuple[str | int, ...]) -> str | None:
    try:
        *recorded, sha256 = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return None
    return sha256 if tuple(recorded) == state and isinstance(sha256, str) else None


def _write_note(note: Path, state: tuple[str | int, ...], sha256: str) -> None:
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=note.parent, suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump([*state, sha256], file)
        os.replace(name, note)
    except OSError:
        pass  # a cache that cannot be written to costs time and nothing else
