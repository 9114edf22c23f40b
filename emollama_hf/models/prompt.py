"""The same names as `emollama_hf.prompt`, which imports no torch."""

from emollama_hf.prompt import *  # noqa: F403
