"""Model directories and random models: opening and reading. Importing this imports no torch, as `write` does."""

from emollama_hf.checkpoints.open_model import open_model
from emollama_hf.checkpoints.source import ModelSource

__all__ = ["ModelSource", "open_model"]
