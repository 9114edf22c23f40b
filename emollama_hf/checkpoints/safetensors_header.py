"""The header of a safetensors file: JSON, as long as its first eight bytes say, which may say anything."""

from __future__ import annotations

from pathlib import Path

from emollama_hf.strict_json import MAX_BYTES


def read_safetensors_header(path: Path) -> bytes:
    """The JSON text of a safetensors file's header. Raises ValueError if its length cannot be that of one."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(MAX_BYTES, size - 8):
            raise ValueError(f"a header of {length:,} bytes in a file of {size:,}, expected at most {MAX_BYTES:,}")
        return file.read(length)
