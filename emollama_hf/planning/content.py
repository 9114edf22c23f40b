"""What identifies the content of a value, whatever its name and place: the same clip has the same digest anywhere."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Mapping
from typing import Any

import numpy as np

from emollama_hf import schema
from emollama_hf.files.digest import combined, files_digest, sha256_file, sha256_remembered
from emollama_hf.frames.settings import DEFAULT_LIMITS
from emollama_hf.frames.source import is_url, local_path
from emollama_hf.text.secrets import public_url, without_secrets

#: Columns in which a text is the place of a file.
PLACES = (schema.VIDEO, schema.FRAMES, schema.PEAK_FRAME)
NULL = combined("null")
#: What file systems call the thing that changes when a file does.
VERSION_FIELDS = ("etag", "lastmodified", "last_modified", "updated", "mtime", "created", "crc", "md5", "checksum")
READ_BYTES = 2**20


def content_digest(column: str, value: Any) -> str:
    """Digest of one value of a column: of the file where it names one, of the numbers, text or picture otherwise.

    Files and folders are read once and remembered by their place, size and time; a URL is read once and remembered
    where its server says when it has changed. Raises OSError (or what an fsspec back end raises) if a file cannot be
    read.
    """
    return _media_digest(value) if column in PLACES else value_digest(value)


def names_a_local_file(column: str, value: Any) -> bool:
    """Whether a value is a path, whose file may change while a run lasts."""
    place = value.get("path") if isinstance(value, Mapping) and value.get("bytes") is None else value
    return column in PLACES and local_path(place) is not None


def _media_digest(value: Any) -> str:
    if isinstance(value, Mapping) and ("bytes" in value or "path" in value):
        content = value.get("bytes")
        return _media_digest(value.get("path") if content is None else content)
    if isinstance(value, bytes | bytearray | memoryview):
        return hashlib.sha256(value).hexdigest()
    if is_url(value):
        return _url_digest(value)
    path = None if isinstance(value, str) and not value else local_path(value)
    if path is not None:
        kind = path.stat().st_mode
        if not (stat.S_ISDIR(kind) or stat.S_ISREG(kind)):
            raise OSError(f"{path} is a pipe, a socket or a device: reading it may wait for ever")
        if stat.S_ISDIR(kind):
            files = [file for file in path.iterdir() if file.is_file()]
            return files_digest((file.name, sha256_file(file)) for file in files)
        return sha256_file(path)
    if isinstance(value, list | tuple) and any(not isinstance(one, int | float | list | tuple) for one in value):
        return combined("list", *map(_media_digest, value))
    return value_digest(value)


def value_digest(value: Any) -> str:
    """Digest of numbers, text, lists and structures of them; their type and shape count."""
    if value is None:
        return NULL
    if isinstance(value, str):
        return combined("text", value)
    if isinstance(value, bytes | bytearray | memoryview):
        return combined("bytes", hashlib.sha256(value).hexdigest())
    if not isinstance(value, Mapping):
        try:
            array = np.ascontiguousarray(value)
        except ValueError:  # lists of different lengths
            array = np.array(None)
        if array.dtype.kind in "biuf":
            # The type is part of it: a peak of 2 is a frame, one of 2.0 is a time.
            return combined("numbers", str(array.dtype), str(array.shape), hashlib.sha256(array.tobytes()).hexdigest())
    return combined("other", json.dumps(value, default=_inner_digest, sort_keys=True))


def _inner_digest(value: Any) -> str:
    return value_digest(value) if isinstance(value, np.ndarray | bytes) else repr(value)


def _url_digest(url: str) -> str:
    import fsspec

    system, place = fsspec.core.url_to_fs(url)
    info = {key.lower(): value for key, value in system.info(place).items()}
    version = [f"{field}={info[field]}" for field in VERSION_FIELDS if info.get(field) is not None]
    if not version:
        return _read_url(url)
    # The note lies in the user's cache: a query decides the content and may sign it, a password does neither.
    state = (combined("url", public_url(url), _query(url)), str(info.get("size")), *map(without_secrets, version))
    return sha256_remembered(state, lambda: _read_url(url))


def _query(url: str) -> str:
    return url.partition("?")[2]


def _read_url(url: str) -> str:
    import fsspec

    digest, size = hashlib.sha256(), 0
    with fsspec.open(url, "rb") as remote:
        while block := remote.read(READ_BYTES):
            digest.update(block)
            size += len(block)
            if size > DEFAULT_LIMITS.max_bytes:
                raise OSError(f"{url} has more than {DEFAULT_LIMITS.max_bytes} bytes")
    return digest.hexdigest()
