"""Feature data sets: extracting, writing and opening them."""

from emollama_hf.store.extraction import extract

__all__ = ["extract"]
