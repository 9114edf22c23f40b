"""The same names as `emollama_hf.pooling`, which imports no torch."""

from emollama_hf.pooling import *  # noqa: F403
