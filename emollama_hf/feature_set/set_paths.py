"""Names of the configurations and files of a feature data set: how they are made, and which are accepted."""

from __future__ import annotations

import re

from emollama_hf.text.plain_names import name_fault, path_fault

DEFAULT_CONFIG = "default"
#: The folder of the configuration "default".
DATA = "data"
README = "README.md"
PROVENANCE = "provenance.json"
CONTENT_DIGITS = 12
MOST_CHARACTERS = 96

OWN_FILE = re.compile(rf"train-[0-9]{{5,9}}-[0-9a-f]{{{CONTENT_DIGITS}}}\.parquet")
_PICTURE = re.compile(r"face_coverage(?:-(?P<config>.+))?\.png")
#: As `atomic_write.partial_name` names what is being written.
_PARTIAL = re.compile(r"\.(?P<name>.+)\.part")
#: Configurations are folders beside README.md and the like, and names of files mean something to those who open a set.
_RESERVED_ENDINGS = (".md", ".json", ".jsonl", ".png", ".csv", ".yaml", ".yml", ".py", ".part", ".lock", ".zip")


def config_fault(name: object) -> str | None:
    """What keeps a text from being the name of a configuration; None if nothing does.

    Example:
        >>> config_fault("facemae-v1.0"), config_fault("data")
        (None, 'it is the folder of the configuration "default"')
    """
    fault = name_fault(name, most=MOST_CHARACTERS)
    if fault is not None:
        return fault
    lower = str(name).lower()
    if lower == DATA:
        return f'it is the folder of the configuration "{DEFAULT_CONFIG}"'
    if lower.endswith(_RESERVED_ENDINGS):
        return "it ends like a file"
    return None


def data_folder(config: str) -> str:
    """Where a configuration's files lie, as `push_to_hub` names it."""
    return DATA if config == DEFAULT_CONFIG else config


def file_name(number: int, content: str) -> str:
    """Name of the `number`th Parquet file, which no file of other content has."""
    return f"train-{number:05d}-{content[:CONTENT_DIGITS]}.parquet"


def file_fault(path: object, config: str) -> str | None:
    """What keeps a text from being the path of a Parquet file of a configuration; None if nothing does."""
    fault = path_fault(path)
    if fault is not None:
        return fault
    folder, _, name = str(path).rpartition("/")
    if folder != data_folder(config) or not OWN_FILE.fullmatch(name):
        return f"expected {data_folder(config)}/train-NUMBER-CONTENT.parquet"
    return None


def picture_name(config: str) -> str:
    """The file of a configuration's histogram of face coverage."""
    return "face_coverage.png" if config == DEFAULT_CONFIG else f"face_coverage-{config}.png"


def picture_fault(name: object) -> str | None:
    """What keeps a text from being the file of a histogram; None if nothing does."""
    found = _PICTURE.fullmatch(name) if isinstance(name, str) else None
    if found is None or (found["config"] is not None and config_fault(found["config"]) is not None):
        return "expected face_coverage.png, or face_coverage-CONFIGURATION.png"
    return None


def is_partial(name: str) -> bool:
    """Whether a file is one of a set that was not written to its end."""
    found = _PARTIAL.fullmatch(name)
    if found is None:
        return False
    inner = found["name"]
    return inner in (README, PROVENANCE) or bool(OWN_FILE.fullmatch(inner)) or picture_fault(inner) is None
