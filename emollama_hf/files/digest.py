"""Identities of files and of what they compute: sha256, hexadecimal."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from emollama_hf.files.atomic_write import atomic_file
from emollama_hf.files.small_file import KEY_BYTES, open_regular, read_small

#: Smaller files are hashed sooner than their hash is looked up.
REMEMBERED_BYTES = 250_000
#: A file that was changed so lately may be changed again without its time showing it.
SETTLED_NS = 2_000_000_000

#: Path, size, time of the last change to the content and to anything of the file (ns), inode.
FileState: TypeAlias = tuple[str, int, int, int, int]

# Within this process: what identifies a file's state -> sha256.
_remembered: dict[tuple[str | int, ...], str] = {}


def file_state(path: Path) -> FileState:
    """What changes with a file's content, also where size and time of the last change are set back.

    No program sets the time of the last change to an inode. Systems on which `st_ctime_ns` is something else, such as
    the time when a file was made, tell by size, time of the last change and inode alone.
    """
    status = path.stat()
    return str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def is_settled(state: FileState) -> bool:
    """Whether a file of this state cannot change any more without its state showing it."""
    return time.time_ns() - max(state[2:4]) > SETTLED_NS


def sha256_file(path: Path) -> str:
    """sha256 of a file's bytes; a large one is read once, by whichever process comes first.

    For files that are not ours to check, such as clips and models. Remembered while the file's state stays, in this
    process and, for all but small files, in the user's cache (HF_HOME).
    """
    state = file_state(path.resolve())
    if state[1] < REMEMBERED_BYTES:
        sha256 = _remembered.get(state) or hash_file(path)
        if is_settled(state):
            _remembered[state] = sha256
        return sha256
    return sha256_remembered(state, lambda: hash_file(path), settled=is_settled(state))


def sha256_remembered(state: Sequence[str | int], compute: Callable[[], str], *, settled: bool = True) -> str:
    """The sha256 that `compute` gives for `state`, computed once.

    state: what changes with the content, the place first, such as a path, a size and a time. settled: whether a new
    content is sure to have another state; if not, nothing is remembered.
    """
    state = tuple(state)
    if state in _remembered:
        return _remembered[state]
    note = _note(str(state[0]))
    sha256 = _read_note(note, state) or compute()
    if settled:
        _remembered[state] = sha256
        _write_note(note, state, sha256)
    return sha256


def folder_digest(folder: Path, pattern: str) -> str:
    """Digest of the names and bytes of a folder's files that match a pattern; the same wherever the folder lies.

    Remembered as `sha256_file` remembers, while no such file comes, goes, or changes its state.
    """
    folder = folder.resolve()
    paths = sorted(path for path in folder.glob(pattern) if path.is_file())
    states = [file_state(path) for path in paths]
    return sha256_remembered(
        (str(folder / pattern), json_digest(states)),
        lambda: files_digest((path.name, hash_file(path)) for path in paths),
        settled=all(map(is_settled, states)),
    )


def remember(path: Path, sha256: str) -> None:
    """Spare everybody the reading of a file whose hash is known: one that was hashed before it was renamed."""
    state = file_state(path.resolve())
    _remembered[state] = sha256
    if state[1] >= REMEMBERED_BYTES:
        _write_note(_note(state[0]), state, sha256)


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
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _note(place: str) -> Path:
    # A file of its own for each, renamed into place: safe with any number of processes, on any file system.
    from huggingface_hub.constants import HF_HOME

    name = combined(place)
    return Path(HF_HOME) / "emollama_hf" / "sha256" / name[:2] / f"{name}.json"


def _read_note(note: Path, state: tuple[str | int, ...]) -> str | None:
    try:
        recorded, sha256, check = json.loads(read_small(note, at_most=KEY_BYTES))
        intact = recorded == json_digest(state) and check == combined(recorded, sha256)
    except (OSError, ValueError, TypeError):
        return None
    return sha256 if intact else None


def _write_note(note: Path, state: tuple[str | int, ...], sha256: str) -> None:
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        recorded = json_digest(state)  # of a URL with its query, too, which is nobody's business
        with atomic_file(note, durable=False, shared=True, mode=0o600) as file:  # a cache that is checked when read
            file.write(json.dumps([recorded, sha256, combined(recorded, sha256)]).encode())
    except OSError:
        pass  # a cache that cannot be written to costs time and nothing else
