"""Model directories and random models: opening, reading, writing. Importing this imports no torch."""

from os import PathLike
from pathlib import Path
from typing import Any

from emollama_hf.checkpoints.open_model import open_model
from emollama_hf.checkpoints.source import ModelSource

__all__ = ["ModelSource", "open_model", "write_model"]


def write_model(directory: str | PathLike[str], **contents: Any) -> Path:
    """`emollama_hf.checkpoints.write.write_model`, imported when called because it needs torch."""
    from emollama_hf.checkpoints.write import write_model as write

    return write(directory, **contents)
