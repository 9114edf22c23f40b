"""Whether a file ends before what its headers announce: what a header counts beyond that was left out on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO

from emollama_hf.files.small_file import open_regular


def is_cut_off(local: Path | bytes, container: str) -> bool | None:
    """Whether the last part of a file, by its header, goes on beyond the file's end; None if its format has no parts.

    container: FFmpeg's name of the format. Parts are chunks of AVI, and boxes of MP4 and QuickTime.
    """
    sizes = {"avi": _chunks, "mov,mp4,m4a,3gp,3g2,mj2": _boxes}.get(container)
    if sizes is None:
        return None
    with BytesIO(local) if isinstance(local, bytes) else open_regular(local) as file:
        end = file.seek(0, 2)
        return any(at > end for at in sizes(file, end))


def _chunks(file: IO[bytes], end: int) -> Iterator[int]:
    """Where each chunk ends, without the byte that pads an odd one, which may be left out at the end of the file."""
    at = 0
    while at + 8 <= end:
        file.seek(at)
        size = int.from_bytes(file.read(8)[4:], "little")
        yield at + 8 + size
        at += 8 + size + size % 2


def _boxes(file: IO[bytes], end: int) -> Iterator[int]:
    """Where each box of the file itself ends."""
    at = 0
    while at + 8 <= end:
        file.seek(at)
        header = file.read(16)
        size = int.from_bytes(header[:4])
        if size == 1:
            size = int.from_bytes(header[8:])
        if size < 8:  # 0: up to the end of the file
            return
        at += size
        yield at
