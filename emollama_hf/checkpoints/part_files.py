"""Which files of a part of a model directory decide what the part computes."""

from __future__ import annotations

from pathlib import Path

from emollama_hf.encoders import find_encoder


def part_files(root: Path, part: str) -> list[Path]:
    """The files of a part that decide what it computes: weights, configuration, tokenizer.

    Args:
        root: The model directory.
        part: Name of the part's family.

    Returns:
        Their paths, sorted.
    """
    folder, wanted = root / part, {"config.json", *find_encoder(part).tokenizer_files}
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and (path.name in wanted or path.suffix == ".safetensors" or "index.json" in path.name)
    ]
