"""Model directories and random models: opening, reading, writing. Importing this imports no torch."""

from emollama_hf.checkpoints.open_model import open_model
from emollama_hf.checkpoints.source import PARTS, ModelSource

__all__ = ["PARTS", "ModelSource", "open_model"]
