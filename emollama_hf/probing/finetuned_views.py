"""Finetuned models as rows of the table: their out-of-fold predictions, on the rows and folds of a probe."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np

from emollama_hf.files.given_path import given_path
from emollama_hf.probing.folds import Folds
from emollama_hf.probing.outcome import Outcome
from emollama_hf.probing.predictions_file import FinetunedPredictions, read_predictions
from emollama_hf.probing.probe_error import ProbeError
from emollama_hf.probing.rows import ProbeRows
from emollama_hf.text.few_of_many import few_and_more

#: What predicted, in the table.
FINETUNED = "finetuned"
Adapters = str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None


def open_finetuned(adapters: Adapters, taken: Sequence[str]) -> dict[str, FinetunedPredictions]:
    """The predictions of finetuned folders, by the name of their row of the table.

    Args:
        adapters: A folder that `finetune` wrote, or several.
        taken: Names of other rows.

    Raises:
        ProbeError: A folder without predictions, or one that is named twice.
    """
    if adapters is None:
        return {}
    folders = [adapters] if isinstance(adapters, str | os.PathLike) else list(adapters)
    found: dict[str, FinetunedPredictions] = {}
    for folder in folders:
        path = given_path(folder, error=ProbeError)
        predictions = read_predictions(path)
        name = predictions.facts["view"]
        if name in found or name in taken:
            name = f"{name}, {path.resolve().name}"
        if name in found or name in taken:
            raise ProbeError(
                f"adapter={os.fspath(folder)!r} is named twice, or two folders have this name. Leave one out."
            )
        found[name] = predictions
    return found


def check_not_random_finetuned(finetuned: Mapping[str, FinetunedPredictions], *, allowed: bool) -> tuple[str, ...]:
    """The rows whose training began with random weights.

    Raises:
        ProbeError: Some did, and it is not allowed.
    """
    random = tuple(name for name, one in finetuned.items() if one.facts["random"])
    if random and not allowed:
        raise ProbeError(
            f"{few_and_more(random)}: trained on random weights, whose predictions say nothing of the real model. "
            "Finetune a real model, or try the probe out with allow_random=True (--allow-random)."
        )
    return random


def finetuned_outcome(
    name: str, predictions: FinetunedPredictions, rows: ProbeRows, folds: Folds, *, label: str
) -> Outcome:
    """A finetuned model's predictions of the rows of a probe, checked to be of the same labels, groups and folds.

    Of a model that was trained without groups, the folds alone are compared: that none divides a group is checked of
    every probe.

    Args:
        name: Of its row in the table.
        predictions: Of its folder.
        rows: The probed rows.
        folds: Of these rows.
        label: The column of the labels, for messages.

    Raises:
        ProbeError: Rows that have no prediction, other labels, groups or folds.
    """
    if not folds.given:
        raise ProbeError(
            f"{name} was tested on the folds of {predictions.facts['fold']!r}, and this probe made folds of its own. "
            f"Name that column (fold={predictions.facts['fold']!r}, --fold {predictions.facts['fold']})."
        )
    position = {text: row for row, text in enumerate(predictions.names)}
    absent = [text for text in rows.names if text not in position]
    if absent:
        raise ProbeError(
            f"{name} has no prediction of {len(absent)} of the {len(rows)} probed rows: {few_and_more(absent)}. "
            "Finetune on all folds of the same clips (fold='all', --fold all), or leave these rows out (ds.filter)."
        )
    at = np.array([position[text] for text in rows.names], np.int64)
    if set(predictions.classes) != set(rows.labels.classes):
        raise ProbeError(
            f"{name} was trained on the classes {', '.join(predictions.classes)}, and {label!r} has "
            f"{', '.join(rows.labels.classes)}. Probe with the label of the training ({predictions.facts['label']})."
        )
    classes = rows.labels.classes
    _check_same(name, "label", rows, [classes[number] for number in rows.labels.numbers], predictions.truth, at)
    if predictions.facts["group"] is not None:
        _check_same(name, "group", rows, [rows.group_names[number] for number in rows.groups], predictions.groups, at)
    _check_same(name, "fold", rows, [folds.names[number] for number in folds.numbers], predictions.folds, at)
    order = [predictions.classes.index(one) for one in classes]
    number_here = np.array([*np.argsort(order), -1])  # the last stays the number of no class
    return Outcome(
        view=name,
        model=FINETUNED,
        shape="",
        probabilities=predictions.probabilities[at][:, order],
        predicted=number_here[predictions.predicted[at]],
        choices={"training": dict(predictions.facts)},
    )


def _check_same(
    name: str, what: str, rows: ProbeRows, here: Sequence[str], there: Sequence[str], at: np.ndarray
) -> None:
    other = [row for row, (value, index) in enumerate(zip(here, at, strict=True)) if value != there[index]]
    if other:
        first = other[0]
        raise ProbeError(
            f"{name} was trained with another {what} of {len(other)} of the {len(rows)} probed rows: row "
            f"{rows.names[first]!r} has {here[first]!r} here and {there[at[first]]!r} there. Compare on the {what}s "
            f"that it was trained with ({what}=, --{what}), or finetune again."
        )
