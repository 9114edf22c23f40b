"""The rows of a data set as predictions beside labels: which are compared, which failed, which are left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from datasets import Dataset

from emollama_hf import schema
from emollama_hf.errors import SourceError
from emollama_hf.evaluation.class_column import ClassColumn, check_columns, class_column, column_values
from emollama_hf.evaluation.confidences import Confidences, confidence_column, read_confidences
from emollama_hf.evaluation.label_checks import check_classes, check_labels, check_spelling
from emollama_hf.evaluation.label_map import lacking_error, mapped
from emollama_hf.measures.predictions import NO_CLASS, Predictions, minority_class
from emollama_hf.schema import describe_column
from emollama_hf.text.plural import counted, listed

Failed = Literal["wrong", "leave-out"]
Unnamed = Literal["error", "wrong"]
#: As the name of a column of confidences: no calibration.
NO_CONFIDENCE = "none"
#: How rows are counted that have the status ok and no prediction all the same.
NO_PREDICTION = "no prediction"


@dataclass(frozen=True)
class Columns:
    """Which columns are compared, and how.

    Attributes:
        prediction, label: columns of classes.
        group: column of the groups that intervals are computed over; None for rows.
        confidence: column of confidences; None to look for one, `NO_CONFIDENCE` for none.
        classes: the class that each label or prediction stands for; None where they are classes themselves.
        failed: whether rows without a prediction count as wrong, or are left out.
        unnamed: whether predictions that no label names are an error, or wrong.
    """

    prediction: str
    label: str
    group: str | None
    confidence: str | None
    classes: Mapping[str, str] | None
    failed: Failed
    unnamed: Unnamed


@dataclass(frozen=True, eq=False)
class ComparedRows:
    """Predictions and labels of the rows that are compared.

    Attributes:
        predictions: of these rows, of the classes that are a label; a prediction that no label names has no class.
            Each row is a group of its own where no column of groups was named.
        counts: (classes, classes + unnamed + 1) int64 by true and predicted class; the last column: no prediction.
        confidences: (n,) float64, NaN for a row without one; None where there is no column of them.
        lacking: how many of these rows have a prediction and no confidence.
        source: the column of confidences, for what is said of it.
        rows: how many rows the data set has.
        unlabeled: how many of them have no label, and are left out.
        failed: how many of the labeled rows have no prediction, by reason.
        unnamed: predicted classes that no label names.
    """

    predictions: Predictions
    counts: np.ndarray
    confidences: np.ndarray | None
    lacking: int
    source: Confidences | None
    rows: int
    unlabeled: int
    failed: dict[str, int]
    unnamed: tuple[str, ...]


def compared_rows(ds: Dataset, columns: Columns) -> ComparedRows:
    """Read, check and map the columns that are compared.

    Args:
        ds: a data set with these columns.
        columns: their names, and how they are compared.

    Returns:
        The rows that are compared.

    Raises:
        SourceError: an unknown column, no rows, or values that cannot be compared; see `label_checks`.
    """
    optional = [columns.group, None if columns.confidence == NO_CONFIDENCE else columns.confidence]
    check_columns(ds, [columns.prediction, columns.label, *(name for name in optional if name is not None)])
    if columns.prediction == columns.label:
        raise SourceError(f"column {columns.label!r} is named as prediction and as label. Name two columns.")
    if not len(ds):
        raise SourceError("the data set has no rows. Compute some, or check the path and the split.")
    label, prediction = class_column(ds, columns.label), class_column(ds, columns.prediction)
    check_labels(label, is_mapped=columns.classes is not None)
    reasons = _failures(ds, prediction)
    truth, said = label.values, [None if reasons[row] else value for row, value in enumerate(prediction.values)]
    if columns.classes is not None:
        truth = _mapped(label, truth, columns.classes, "error")
        said = _mapped(prediction, said, columns.classes, columns.unnamed)
    labeled = np.array([one is not None for one in truth])
    failures = Counter(reason for row, reason in enumerate(reasons) if reason and labeled[row])
    if sum(failures.values()) == labeled.sum():
        each = listed([f"{count} {reason}" for reason, count in failures.most_common()])
        raise SourceError(f"column {columns.prediction!r}: no row with a label has a prediction: {each}.")
    answered = np.array([one is not None for one in said])
    used = np.flatnonzero(labeled & answered if columns.failed == "leave-out" else labeled)
    labels = [one for row in used if (one := truth[row]) is not None]
    answers = [said[row] for row in used]
    check_spelling(labels, answers)
    others = check_classes(label, prediction, labels, [one for one in answers if one is not None], columns.unnamed)
    names, unnamed = tuple(_in_order(set(labels), label, columns.classes)), tuple(sorted(others))
    numbers: dict[str | None, int] = {name: number for number, name in enumerate((*names, *unnamed, None))}
    truth_numbers, answer_numbers = (np.array([numbers[one] for one in values]) for values in (labels, answers))
    source = _confidences(ds, columns, labeled & answered)
    return ComparedRows(
        predictions=Predictions(
            truth=truth_numbers,
            predicted=np.where(answer_numbers < len(names), answer_numbers, NO_CLASS),
            probabilities=None,
            groups=np.arange(len(used)) if columns.group is None else _groups(ds, columns.group, used),
            classes=names,
            positive=minority_class(truth_numbers, len(names)),
        ),
        counts=_counts(truth_numbers, answer_numbers, (len(names), len(numbers))),
        confidences=None if source is None else source.values[used],
        lacking=0 if source is None else int(np.isnan(source.values[labeled & answered]).sum()),
        source=source,
        rows=len(ds),
        unlabeled=int((~labeled).sum()),
        failed=dict(failures.most_common()),
        unnamed=unnamed,
    )


def _failures(ds: Dataset, prediction: ClassColumn) -> list[str]:
    """Why a row has no prediction, "" where it has one."""
    statuses = column_values(ds, schema.STATUS) if schema.STATUS in ds.column_names else [None] * len(ds)
    return [
        str(status) if status not in (None, schema.OK) else "" if value is not None and value.strip() else NO_PREDICTION
        for status, value in zip(statuses, prediction.values, strict=True)
    ]


def _mapped(
    column: ClassColumn, values: list[str | None], classes: Mapping[str, str], unnamed: Unnamed
) -> list[str | None]:
    found, lacking = mapped(values, classes)
    if lacking and unnamed == "error":
        raise lacking_error(column.name, lacking, classes)
    return found


def _in_order(names: set[str], label: ClassColumn, classes: Mapping[str, str] | None) -> list[str]:
    """Classes in the order of the data set or the map where these have one; otherwise by number or alphabet."""
    known = list(label.names) if classes is None else list(dict.fromkeys(classes.values()))
    if names <= set(known):
        return [name for name in known if name in names]
    return sorted(names, key=int) if label.kind == "whole numbers" and classes is None else sorted(names)


def _counts(truth: np.ndarray, answers: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return np.bincount(truth * shape[1] + answers, minlength=shape[0] * shape[1]).reshape(shape)


def _groups(ds: Dataset, column: str, used: Sequence[int] | np.ndarray) -> np.ndarray:
    values = column_values(ds, column)
    if any(isinstance(one, list | dict | bytes) for one in values):
        raise SourceError(f"column {column!r} holds {describe_column(ds.features[column])}, expected a group a row.")
    nulls = [row for row in used if values[row] is None or not str(values[row]).strip()]
    if nulls:
        raise SourceError(
            f"column {column!r}: no group in {counted(len(nulls), 'row')}, the first of them row {nulls[0]}. Fill "
            "them, or leave these rows out."
        )
    numbers = {one: number for number, one in enumerate(dict.fromkeys(values))}
    return np.array([numbers[values[row]] for row in used])


def _confidences(ds: Dataset, columns: Columns, used: np.ndarray) -> Confidences | None:
    if columns.confidence == NO_CONFIDENCE:
        return None
    column = columns.confidence or confidence_column(ds, columns.prediction)
    return None if column is None else read_confidences(ds, column, used)
