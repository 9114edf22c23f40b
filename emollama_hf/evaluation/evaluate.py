"""`emollama_hf.evaluate`: how good predictions of a data set are."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
from datasets import Dataset

from emollama_hf.errors import SourceError
from emollama_hf.evaluation.compared_rows import Columns, ComparedRows, Failed, Unnamed, compared_rows
from emollama_hf.evaluation.evaluation import Evaluation
from emollama_hf.evaluation.label_map import read_label_map
from emollama_hf.measures.calibration import Calibration, calibration
from emollama_hf.measures.group_bootstrap import RESAMPLES, intervals
from emollama_hf.sharing.load import load
from emollama_hf.stages.config import check_choice
from emollama_hf.text.few_of_many import few_and_more
from emollama_hf.text.plural import counted, listed

#: What is computed of the predictions; "f1_weighted" is the measure of MER2023.
METRIC_NAMES = ("accuracy", "f1_weighted", "f1_macro", "balanced_accuracy", "kappa")
_FEWEST_GROUPS = 10


def evaluate(
    ds: Dataset | str | os.PathLike[str],
    *,
    prediction: str,
    label: str,
    group: str | None = None,
    label_map: Mapping[str, str] | str | os.PathLike[str] | None = None,
    confidence: str | None = None,
    failed: Failed = "wrong",
    unnamed: Unnamed = "error",
    split: str | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Evaluation:
    """Compare predictions with labels: scores with intervals, classes, confusion matrix, calibration.

    Args:
        ds: data set, or a directory, Hub id or URL that `load` opens.
        prediction: column of predicted classes, such as "emotion".
        label: column of true classes. Both may be class labels, texts or whole numbers, and are compared as texts,
            letter by letter. Rows without a label are left out and counted.
        group: column of groups, such as "participant_id", which the bootstrap draws. None: it draws rows, whose
            intervals are too narrow if rows of a person resemble each other.
        label_map: class by label or prediction, or a file of them: a CSV with the columns `from` and `to`, or a JSON
            object. Every label has to be in it, or be one of its classes.
        confidence: column with a number from 0 to 1, or with probabilities, of which the greatest counts. None: the
            column `<prediction>_confidence`, else `<prediction>_probs`, if the data set has it; "none" for none.
        failed: what rows are whose `emollama_status` is not ok, or whose prediction is null: "wrong", or "leave-out".
        unnamed: what predictions are that no label names: "error", or "wrong".
        split: of a path with several splits.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        The evaluation: `.table`, `.per_class`, `.confusion`, `.calibration`, `.save(DIR)`.

    Raises:
        FileNotFoundError: no such directory or data set.
        ValueError: an unknown column, no rows, one class alone, labels that are blank or mix numbers and words, classes
            that differ in case or blanks alone, predictions that no label names, labels that the map lacks, NaN among
            the confidences. The message says what to do.

    Example:
        >>> evaluate("features", prediction="emotion", label="emotion_label", group="participant_id").table.shape
        (5, 4)
    """
    check_choice("failed", failed, ("wrong", "leave-out"))
    check_choice("unnamed", unnamed, ("error", "wrong"))
    if isinstance(resamples, bool) or not isinstance(resamples, int) or not 1 <= resamples <= 1_000_000:
        raise ValueError(f"resamples={resamples!r}: expected a whole number from 1 to 1,000,000")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed={seed!r}: expected a whole number of at least 0")
    classes = None if label_map is None else read_label_map(label_map)
    opened = _opened(ds, split)
    rows = compared_rows(opened, Columns(prediction, label, group, confidence, classes, failed, unnamed))
    return Evaluation(
        prediction=prediction,
        label=label,
        group=group,
        rows=rows.rows,
        unlabeled=rows.unlabeled,
        failed=rows.failed,
        failed_as=failed,
        compared=len(rows.predictions),
        groups=rows.predictions.group_numbers[0],
        classes=rows.predictions.classes,
        unnamed=rows.unnamed,
        counts=rows.counts,
        intervals=intervals(rows.predictions, METRIC_NAMES, resamples=resamples, seed=seed),
        calibration=_calibration(rows),
        confidence=None if rows.source is None else rows.source.column,
        notes=tuple(_notes(rows, group, failed)),
        options={
            "label_map": classes, "unnamed": unnamed, "resamples": resamples, "seed": seed,
            "fingerprint": str(opened._fingerprint),
        },
    )  # fmt: skip


def _opened(ds: Dataset | str | os.PathLike[str], split: str | None) -> Dataset:
    if isinstance(ds, str | os.PathLike):
        return load(ds, ok_only=False, split=split)
    if not isinstance(ds, Dataset):
        choose = f" Choose a split, such as ds[{next(iter(ds))!r}]." if isinstance(ds, dict) and ds else ""
        raise SourceError(f"ds is a {type(ds).__name__}, expected a datasets.Dataset, a directory or a Hub id.{choose}")
    if split is not None:
        raise SourceError(f"split={split!r} has no effect on a data set that is open. Leave it out.")
    return ds


def _calibration(rows: ComparedRows) -> Calibration | None:
    if rows.confidences is None:
        return None
    known = ~np.isnan(rows.confidences)
    if not known.any():
        return None
    right = rows.predictions.truth == rows.predictions.predicted
    return calibration(rows.confidences[known], right[known])


def _notes(rows: ComparedRows, group: str | None, failed: Failed) -> list[str]:
    """What a reader has to know of the numbers, a sentence each."""
    found = []
    if rows.unlabeled:
        found.append(f"{counted(rows.unlabeled, 'row')} without a label left out.")
    if rows.failed:
        each = listed([f"{count} {reason}" for reason, count in rows.failed.items()])
        what = "counted as wrong" if failed == "wrong" else "left out"
        found.append(f"{counted(sum(rows.failed.values()), 'row')} without a prediction {what}: {each}.")
    if rows.unnamed:
        found.append(
            f"Predictions that no label names count as wrong, not as classes: {few_and_more(rows.unnamed, show=repr)}."
        )
    count = rows.predictions.group_numbers[0]
    if group is None:
        found.append(
            "Intervals are over rows. If rows of a person resemble each other, they are too narrow: name the column of "
            "persons (--group)."
        )
    elif count < 2:
        found.append(f"{group} has one group: no intervals.")
    elif count < _FEWEST_GROUPS:
        found.append(f"{group} has {count} groups: intervals over so few groups are rough, and rather too narrow.")
    if rows.source is None:
        return [*found, "No column of confidences: no calibration."]
    if rows.source.greatest:
        found.append(f"The confidence of a prediction is the greatest number of {rows.source.column}.")
    if rows.lacking:
        what = f"{counted(rows.lacking, 'prediction')} without a number in {rows.source.column}"
        found.append(f"{what}: left out of the calibration.")
    return found
