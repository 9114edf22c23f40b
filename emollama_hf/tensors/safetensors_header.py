"""The header of a safetensors file: JSON, as long as its first eight bytes say, which may say anything."""

from __future__ import annotations

import os
from pathlib import Path

from emollama_hf.files.small_file import TEXT_BYTES, open_regular
from emollama_hf.files.strict_json import parse_object
from emollama_hf.tensors.tensor_names import Shape


def read_safetensors_header(path: Path) -> bytes:
    """The JSON text of a safetensors file's header. Raises ValueError if its length cannot be that of one."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(TEXT_BYTES, size - 8):
            raise ValueError(f"a header of {length:,} bytes in a file of {size:,}, expected at most {TEXT_BYTES:,}")
        return file.read(length)


def header_shapes(path: Path) -> dict[str, Shape]:
    """Shapes of a safetensors file's tensors, by name. Raises ValueError if its header is not one of that format."""
    header = parse_object(read_safetensors_header(path))
    shapes: dict[str, Shape] = {}
    for name, entry in header.items():
        if name != "__metadata__":
            shape = entry.get("shape") if isinstance(entry, dict) else None
            if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
                raise ValueError(f"a header without the shape of {name}")
            shapes[name] = tuple(shape)
    return shapes
