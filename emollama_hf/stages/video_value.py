"""A value of the column `video`, as what the readers of clips take."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from emollama_hf.errors import ClipError


def video_source(value: Any) -> str | bytes:
    """Path, URL or bytes of a `video` value. Raises ClipError: missing_file, not_a_video."""
    if isinstance(value, Mapping) and ("bytes" in value or "path" in value):
        content = value.get("bytes")
        value = content if content is not None else value.get("path")
        if value is None:
            raise ClipError("missing_file", "the video has neither bytes nor a path.")
    if isinstance(value, bytearray | memoryview):
        value = bytes(value)
    if isinstance(value, str | bytes):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise ClipError(
        "not_a_video",
        f"column 'video' holds {type(value).__module__}.{type(value).__name__}, expected a path, a URL, bytes or an "
        'undecoded video. Cast it first: ds = ds.cast_column("video", datasets.Video(decode=False)).',
    )
