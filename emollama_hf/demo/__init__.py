"""Data made on the spot, of which the right answer is known."""

from emollama_hf.demo.corpus import Corpus, corpus

__all__ = ["Corpus", "corpus"]
