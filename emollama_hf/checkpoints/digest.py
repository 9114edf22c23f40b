"""Identities of files and of what they compute: sha256, hexadecimal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# Within this process: (path, size, mtime_ns) -> sha256. Gigabytes are read once.
_remembered: dict[tuple[str, int, int], str] = {}


def sha256_file(path: Path) -> str:
    """sha256 of a file's bytes, remembered until its size or time changes."""
    status = path.stat()
    key = (str(path.resolve()), status.st_size, status.st_mtime_ns)
    if key not in _remembered:
        with path.open("rb") as file:
            _remembered[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _remembered[key]


def files_digest(files: Iterable[tuple[str, str]]) -> str:
    """One digest for (name, sha256) of several files, whatever their order."""
    return combined(*(f"{name} {sha256}" for name, sha256 in sorted(files)))


def json_digest(value: Any) -> str:
    """Digest of a JSON-able value, whatever the order of its keys."""
    return combined(json.dumps(value, sort_keys=True, separators=(",", ":")))


def combined(*texts: str) -> str:
    """Digest of a list of texts; no two different lists share their bytes."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()
