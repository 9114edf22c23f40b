"""Whether an AVI file ends before its chunks do."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path


def is_cut_off(local: Path | bytes) -> bool:
    """Whether the last chunk of the file, by its header, goes on beyond the file's end."""
    with BytesIO(local) if isinstance(local, bytes) else open(local, "rb") as file:
        end = file.seek(0, 2)
        at = 0
        while at + 8 <= end:
            file.seek(at)
            header = file.read(8)
            size = int.from_bytes(header[4:], "little")
            at += 8 + size + size % 2
    return at > end + 1  # the padding of an odd chunk may be left out at the end
