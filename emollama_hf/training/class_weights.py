"""How much the rows of each class count in the loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from emollama_hf.probing.class_balance import balanced_weights
from emollama_hf.probing.label_values import Labels
from emollama_hf.text.few_of_many import few_and_more
from emollama_hf.training.recipe import ClassWeights
from emollama_hf.training.training_error import TrainingError

BALANCED = "balanced"
#: Weights far beyond these are 0 or infinite in the loss's float32.
_LEAST, _MOST = 1e-6, 1e6


def class_weights(weights: ClassWeights, labels: Labels, counted: np.ndarray) -> np.ndarray:
    """The weight of each class, in the order of `labels.classes`.

    Args:
        weights: "balanced" for N / (classes x rows of the class); a weight by the name of each class, or one for each
            class in their order; None for 1.
        labels: of all rows.
        counted: positions of the rows that "balanced" counts.

    Returns:
        (classes,) float64.

    Raises:
        TrainingError: a class without a weight, a weight without a class, a weight that is no
            number from 1e-6 to 1e6; a class
            of which no row is counted.

    Example:
        >>> class_weights("balanced", labels, np.arange(8))    # of 8 rows 6 are NonMW and 2 are MW
        array([2.        , 0.66666667])
    """
    classes = labels.classes
    if weights is None:
        return np.ones(len(classes))
    if isinstance(weights, str):
        if weights != BALANCED:
            raise TrainingError(
                f"class_weights={weights!r} is unknown. Valid: 'balanced', None, or {_expected(classes)}."
            )
        found = balanced_weights(labels.numbers[counted], len(classes))
        absent = [name for name, weight in zip(classes, found, strict=True) if not weight]
        if absent:
            raise TrainingError(
                f"class_weights='balanced': no row of class {few_and_more(absent, show=repr)} is trained on. Give the "
                "weights as numbers, or train on other rows."
            )
        return found
    values = by_class(weights, classes, "class_weights", _expected(classes))
    for name, value in zip(classes, values, strict=True):
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not number or not _LEAST <= value <= _MOST:  # type: ignore[operator]
            raise TrainingError(
                f"class_weights: {value!r} of class {name!r} is no positive number from {_LEAST:g} to {_MOST:g}."
            )
    return np.array(values, np.float64)


def by_class(
    given: Mapping[str, object] | Sequence[object], classes: Sequence[str], option: str, expected: str
) -> list[object]:
    """What was given for each class, in the order of the classes.

    Args:
        given: values by the names of the classes, or in their order.
        classes: their names.
        option: the argument, for messages.
        expected: what it can be, for messages.

    Raises:
        TrainingError: a class without a value, or a value without a class; the message lists both.
    """
    if isinstance(given, Mapping):
        lacking = [name for name in classes if name not in given]
        unknown = [str(name) for name in given if name not in classes]
        if lacking or unknown:
            told = [f"nothing for {few_and_more(lacking, show=repr)}"] if lacking else []
            told += [f"{few_and_more(unknown, show=repr)}, which no row has"] if unknown else []
            raise TrainingError(f"{option}: {' and '.join(told)}. Expected {expected}.")
        return [given[name] for name in classes]
    if isinstance(given, str) or not isinstance(given, Sequence | np.ndarray):
        raise TrainingError(f"{option}={given!r}: expected {expected}.")
    values = list(given)
    if len(values) != len(classes):
        raise TrainingError(f"{option}={values!r}: {len(values)} for {len(classes)} classes. Expected {expected}.")
    return values


def _expected(classes: Sequence[str]) -> str:
    example = ", ".join(f"{name!r}: 1.0" for name in classes[:3])
    return f"a number for each of the classes {few_and_more(list(classes), show=repr)}, such as {{{example}}}"
