"""The files of an evaluation, each whole or absent."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from emollama_hf import __version__
from emollama_hf.errors import SourceError
from emollama_hf.evaluation.figures import confusion_figure, reliability_figure
from emollama_hf.files.atomic_write import write_files
from emollama_hf.files.given_path import given_path
from emollama_hf.files.json_text import json_text

if TYPE_CHECKING:
    from emollama_hf.evaluation.evaluation import Evaluation

_VERSIONS = ("datasets", "numpy", "pandas", "matplotlib")


def save(evaluation: Evaluation, directory: str | os.PathLike[str]) -> list[Path]:
    """Write the files of an evaluation; see `Evaluation.save`."""
    folder = given_path(directory)
    files = _contents(evaluation)
    try:
        write_files(folder, files)
    except OSError as error:
        raise SourceError(f"{folder} cannot be written to ({error.strerror}). Choose another directory.") from error
    return [folder / name for name in files]


def _contents(evaluation: Evaluation) -> dict[str, bytes]:
    versions = {"emollama_hf": __version__, "python": platform.python_version()}
    versions |= {name: version(name) for name in _VERSIONS}
    files = {
        "evaluation.json": json_text({**evaluation.summary(), "versions": versions}).encode(),
        "metrics.csv": evaluation.table.to_csv(index=False).encode(),
        "classes.csv": evaluation.per_class.to_csv(index=False).encode(),
        "confusion.csv": evaluation.confusion.to_csv().encode(),
        "confusion.svg": confusion_figure(evaluation),
    }
    if evaluation.calibration is not None:
        import pandas as pd

        files["calibration.csv"] = pd.DataFrame(list(evaluation.calibration.bins)).to_csv(index=False).encode()
        files["reliability.svg"] = reliability_figure(evaluation.calibration, str(evaluation.confidence))
    return files
