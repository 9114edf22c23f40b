"""How readers open a feature data set."""

from __future__ import annotations

from collections.abc import Callable

from emollama_hf.feature_set.manifest import DEFAULT_CONFIG, FeatureConfig

#: Where a directory is that the reader has somewhere.
ANYWHERE = "path/to/this/directory"
#: How to open a configuration: its name and what it is -> a Python expression in which `load_dataset` is known.
Opening = Callable[[str, FeatureConfig], str]


def open_directory(name: str, config: FeatureConfig) -> str:
    """The opening of a set in a directory that is wherever the reader has it."""
    given = "" if name == DEFAULT_CONFIG else f'"{name}", '
    return f'load_dataset("{ANYWHERE}", {given}split="train")'
