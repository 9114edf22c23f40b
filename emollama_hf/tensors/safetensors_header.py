"""The header of a safetensors file: JSON, as long as its first eight bytes say, which may say anything."""

from __future__ import annotations

import os
from pathlib import Path

from emollama_hf.files.small_file import TEXT_BYTES, open_regular


def read_safetensors_header(path: Path) -> bytes:
    """The JSON text of a safetensors file's header. Raises ValueError if its length cannot be that of one."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(TEXT_BYTES, size - 8):
            raise ValueError(f"a header of {length:,} bytes in a file of {size:,}, expected at most {TEXT_BYTES:,}")
        return file.read(length)
