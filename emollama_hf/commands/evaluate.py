"""`emollama-hf evaluate`: predictions and labels in, scores, classes, confusion matrix and calibration out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from rich.table import Table

from emollama_hf.commands.extract import quiet_unless_terminal
from emollama_hf.commands.report import console, table
from emollama_hf.evaluation.evaluate import evaluate
from emollama_hf.evaluation.evaluation import Evaluation
from emollama_hf.measures.calibration import Calibration
from emollama_hf.text.plural import counted

_WORDS = {
    "accuracy": "accuracy",
    "f1_weighted": "weighted F1 (MER2023)",
    "f1_macro": "macro F1",
    "balanced_accuracy": "balanced accuracy",
    "kappa": "Cohen's kappa",
}
#: Classes up to which the confusion matrix is printed; a wider one is in confusion.csv.
_PRINTED = 12


def run_evaluate(source: str, out: Path | None, **options: Any) -> None:
    """Evaluate, print the numbers, and save them where a directory is named.

    Args:
        source: directory, Hub id or URL of a data set.
        out: directory for the files, or None.
        options: as `evaluate` takes them.
    """
    quiet_unless_terminal(log_shards=False)
    found = evaluate(source, **options)
    screen = console()
    screen.print(
        f"{found.prediction} compared with {found.label}: {counted(found.compared, 'row')}, "
        f"{counted(len(found.classes), 'class', 'classes')}\n"
    )
    screen.print(_scores(found))
    screen.print()
    screen.print(_classes(found))
    if len(found.predicted_names) <= _PRINTED:
        screen.print("\nRows by true class (down) and predicted class (across):")
        screen.print(_confusion(found))
    if found.calibration is not None:
        screen.print(f"\n{_calibration(found.calibration)}")
    screen.print()
    for note in found.notes:
        screen.print(note)
    if out is not None:
        files = found.save(out)
        screen.print(f"Wrote {', '.join(file.name for file in files)} to {out}.")


def _scores(found: Evaluation) -> Table:
    shown = table("measure", "value", "95 % interval")
    for name, one in found.intervals.items():
        shown.add_row(_WORDS[name], _number(one.value), _interval(one.low, one.high))
    return shown


def _interval(low: float, high: float) -> str:
    return "none" if math.isnan(low) else f"{low:.3f} to {high:.3f}"


def _classes(found: Evaluation) -> Table:
    shown = table("class", "rows", "predicted", "precision", "recall", "F1")
    for one in found.class_scores:
        numbers = map(_number, (one.precision, one.recall, one.f1))
        shown.add_row(one.name, f"{one.count:,}", f"{one.predicted:,}", *numbers)
    return shown


def _confusion(found: Evaluation) -> Table:
    names = found.predicted_names if found.counts[:, -1].any() else found.predicted_names[:-1]
    shown = table("", *names)
    for name, counts in zip(found.classes, found.counts, strict=True):
        shown.add_row(name, *(f"{count:,}" for count in counts[: len(names)]))
    return shown


def _calibration(found: Calibration) -> str:
    return (
        f"Confidence {found.confidence:.3f} on average, accuracy {found.accuracy:.3f}, of "
        f"{counted(found.count, 'prediction')}: expected calibration error {found.expected_error:.3f}, Brier score "
        f"{found.brier:.3f}."
    )


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
