"""The result of an evaluation: numbers, tables of them, and the files that they are saved to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emollama_hf.computing.extra_library import extra_library
from emollama_hf.measures.calibration import Calibration
from emollama_hf.measures.confusion import ClassScores, class_scores
from emollama_hf.measures.group_bootstrap import Interval

if TYPE_CHECKING:
    import pandas as pd

#: Heading of the column for rows without a prediction.
FAILED = "(failed)"


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """Predictions of a data set compared with its labels.

    Attributes:
        prediction, label: columns that were compared.
        group: column of the groups that intervals are over; None for rows.
        rows: of the data set.
        unlabeled: rows without a label, which are left out.
        failed: labeled rows without a prediction, by reason.
        failed_as: "wrong" or "leave-out", what these rows count as.
        compared: rows that the scores are of.
        groups: how many groups these rows are of.
        classes: names of the classes that are a label, which the scores are of.
        unnamed: names of predicted classes that are no label, which are wrong.
        counts: (classes, classes + unnamed + 1) int64 by true and predicted class; the last column: without a
            prediction.
        intervals: accuracy, F1 and so on, each with its 95 % interval.
        calibration: of the confidences; None without any.
        confidence: column of the confidences; None without one.
        notes: what a reader has to know of the numbers, a sentence each.
        options: further options, and the fingerprint of the data set.
    """

    prediction: str
    label: str
    group: str | None
    rows: int
    unlabeled: int
    failed: Mapping[str, int]
    failed_as: str
    compared: int
    groups: int
    classes: tuple[str, ...]
    unnamed: tuple[str, ...]
    counts: np.ndarray
    intervals: Mapping[str, Interval]
    calibration: Calibration | None
    confidence: str | None
    notes: tuple[str, ...]
    options: Mapping[str, Any]

    def __repr__(self) -> str:
        scores = ", ".join(
            f"{name} {one.value:.3f} [{one.low:.3f}, {one.high:.3f}]" for name, one in self.intervals.items()
        )
        return f"Evaluation of {self.prediction} by {self.label}, {self.compared} rows: {scores}"

    @property
    def predicted_names(self) -> list[str]:
        """Names of the columns of `counts`."""
        return [*self.classes, *self.unnamed, FAILED]

    @property
    def class_scores(self) -> tuple[ClassScores, ...]:
        """Precision, recall, F1 and count of each class."""
        return class_scores(self.counts, self.classes)

    @property
    def table(self) -> pd.DataFrame:
        """The scores: metric, value, low, high."""
        return _frame([{"metric": name, **asdict(one)} for name, one in self.intervals.items()])

    @property
    def per_class(self) -> pd.DataFrame:
        """Each class: name, count, predicted, precision, recall, f1."""
        return _frame([asdict(one) for one in self.class_scores])

    @property
    def confusion(self) -> pd.DataFrame:
        """Counts of rows: a line for each true class, a column for each predicted class, the last for failed rows."""
        pandas = extra_library("pandas", extra="probe", purpose="a table")
        index = pandas.Index(self.classes, name=self.label)
        return pandas.DataFrame(self.counts, index=index, columns=self.predicted_names)

    def summary(self) -> dict[str, Any]:
        """Everything as one JSON-able object; NaN is None."""
        confusion = {"true": list(self.classes), "predicted": self.predicted_names, "counts": self.counts.tolist()}
        calibrated = None if self.calibration is None else {"column": self.confidence, **asdict(self.calibration)}
        return {
            "prediction": self.prediction,
            "label": self.label,
            "group": self.group,
            "rows": self.rows,
            "unlabeled": self.unlabeled,
            "failed": {"count": sum(self.failed.values()), "as": self.failed_as, "reasons": dict(self.failed)},
            "compared": self.compared,
            "groups": self.groups,
            "metrics": _without_nan({name: asdict(one) for name, one in self.intervals.items()}),
            "classes": _without_nan([asdict(one) for one in self.class_scores]),
            "confusion": confusion,
            "calibration": _without_nan(calibrated),
            "notes": list(self.notes),
            "options": dict(self.options),
        }

    def save(self, directory: str | os.PathLike[str]) -> list[Path]:
        """Write evaluation.json, tables as CSV and figures as SVG; earlier files of these names are replaced.

        Args:
            directory: created if it does not exist.

        Returns:
            The paths of the files.

        Raises:
            SourceError: the directory cannot be written to.
            MissingLibraryError: pandas or matplotlib is not installed.
        """
        from emollama_hf.evaluation.saved_files import save

        return save(self, directory)


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return extra_library("pandas", extra="probe", purpose="a table").DataFrame(rows)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and np.isnan(value) else value
