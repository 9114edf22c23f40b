"""Which files of a part of a model directory decide what the part computes."""

from __future__ import annotations

from pathlib import Path

from emollama_hf.encoders import find_encoder


def part_files(root: Path, part: str) -> list[Path]:
    """The files of a part that decide what it computes: weights, configuration, tokenizer.

    LoRA factors that are kept beside the weights into which they are merged are not among them.

    Args:
        root: The model directory.
        part: Name of the part's family.

    Returns:
        Their paths, sorted.
    """
    encoder = find_encoder(part)
    folder, wanted = root / part, {"config.json", *encoder.tokenizer_files}
    kept = None if encoder.adaptation is None else encoder.adaptation.lora_file
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_file()
        and path.name != kept
        and (path.name in wanted or path.suffix == ".safetensors" or "index.json" in path.name)
    ]
