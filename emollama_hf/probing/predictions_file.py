"""predictions.parquet of a finetuned folder: what a model said of each clip while it was tested on it.

name, group, fold, truth, predicted, p_CLASS of each class, score    facts of the training in the file's metadata
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emollama_hf.files.atomic_write import atomic_file
from emollama_hf.files.small_file import TABLE_BYTES, OddFileError, read_small
from emollama_hf.files.strict_json import parse_object
from emollama_hf.measures.predictions import NO_CLASS
from emollama_hf.probing.probe_error import ProbeError

PREDICTIONS = "predictions.parquet"
FORMAT = 1
_METADATA = b"emollama_hf"
_TEXTS = ("name", "group", "fold", "truth")
#: Facts of the training and what each must be; others are kept as they are.
_FACTS: dict[str, type | tuple[type, ...]] = {
    "view": str, "label": str, "group": (str, type(None)), "fold": str, "classes": list, "random": bool,
}  # fmt: skip
#: Probabilities below are taken for this one where their logarithm is asked for.
_LEAST = 1e-300


@dataclass(frozen=True, eq=False)
class FinetunedPredictions:
    """Answers of a finetuned model.

    Attributes:
        names, groups, folds, truth: (n,) texts.
        predicted: (n,) class numbers, `NO_CLASS` for an answer that names no class.
        probabilities: (n, classes) float64.
        positive: Number of the class that `score` is of.
        facts: JSON-able: "view" (its name in a table), "label", "group" (null: none) and "fold" (columns),
            "classes" (names), "random" (whether the weights that training began with were random), and more.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    folds: tuple[str, ...]
    truth: tuple[str, ...]
    predicted: np.ndarray
    probabilities: np.ndarray
    positive: int
    facts: Mapping[str, Any]

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.facts["classes"])

    @property
    def score(self) -> np.ndarray:
        """(n,) float64: log P(positive) - log P(another class)."""
        own = self.probabilities[:, self.positive]
        others = np.delete(self.probabilities, self.positive, axis=1).sum(axis=1)
        return np.log(np.maximum(own, _LEAST)) - np.log(np.maximum(others, _LEAST))


def write_predictions(path: Path, predictions: FinetunedPredictions) -> None:
    """Write a file whole, or leave what is there.

    Raises:
        OSError: The file cannot be written.
    """
    classes = predictions.classes
    said = [None if number == NO_CLASS else classes[number] for number in predictions.predicted]
    columns: dict[str, Any] = {
        "name": pa.array(predictions.names, pa.string()),
        "group": pa.array(predictions.groups, pa.string()),
        "fold": pa.array(predictions.folds, pa.string()),
        "truth": pa.array(predictions.truth, pa.string()),
        "predicted": pa.array(said, pa.string()),
        **{f"p_{name}": predictions.probabilities[:, number] for number, name in enumerate(classes)},
        "score": predictions.score,
    }
    facts = {**predictions.facts, "format": FORMAT, "positive": classes[predictions.positive]}
    table = pa.table(columns).replace_schema_metadata({_METADATA: json.dumps(facts, ensure_ascii=False).encode()})
    with atomic_file(path, durable=True) as file:
        pq.write_table(table, file)


def read_predictions(directory: Path) -> FinetunedPredictions:
    """The predictions of a folder that `finetune` wrote.

    Raises:
        ProbeError: The folder has none, or its file is damaged.
    """
    path = directory / PREDICTIONS
    try:
        table = pq.read_table(pa.BufferReader(read_small(path, at_most=TABLE_BYTES)))
    except (FileNotFoundError, NotADirectoryError):
        raise ProbeError(
            f"{directory} has no {PREDICTIONS}, expected a folder that finetune wrote with predictions of held-out "
            "clips (fold=, --fold all)."
        ) from None
    except (OSError, OddFileError, pa.ArrowException) as error:
        raise ProbeError(f"{path} cannot be read ({str(error).splitlines()[0]}). Run finetune again.") from None
    try:
        return _read(table)
    except (KeyError, ValueError, TypeError) as error:
        raise ProbeError(
            f"{path} is not as finetune writes it ({error}). Run finetune again, or name its folder (adapter=, "
            "--adapter)."
        ) from None


def _read(table: pa.Table) -> FinetunedPredictions:
    facts = parse_object((table.schema.metadata or {})[_METADATA])
    if facts.get("format") != FORMAT:
        raise ValueError(f"format {facts.get('format')!r}, expected {FORMAT}")
    for name, kind in _FACTS.items():
        if not isinstance(facts[name], kind):
            raise TypeError(f"{name}: {facts[name]!r}")
    classes = [str(name) for name in facts["classes"]]
    texts = {name: tuple(table.column(name).to_pylist()) for name in _TEXTS}
    if any(not isinstance(value, str) for values in texts.values() for value in values):
        raise ValueError("a name, group, fold or label that is no text")
    number: dict[str | None, int] = {None: NO_CLASS, **{name: index for index, name in enumerate(classes)}}
    probabilities = np.stack([table.column(f"p_{name}").to_numpy() for name in classes], axis=1).astype(np.float64)
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ValueError("a probability that is not within 0..1")
    return FinetunedPredictions(
        names=texts["name"],
        groups=texts["group"],
        folds=texts["fold"],
        truth=texts["truth"],
        predicted=np.array([number[value] for value in table.column("predicted").to_pylist()], np.int64),
        probabilities=probabilities,
        positive=classes.index(facts["positive"]),
        facts={**facts, "classes": classes},
    )
