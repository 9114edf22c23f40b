"""What a finetuned model reached on the clips that it was not trained on, as a probe puts it.

rows, probabilities of the tested clips ─► predictions beside chance and control ─► report/, predictions.parquet
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from emollama_hf.measures.predictions import NO_CLASS
from emollama_hf.probing.control import control_columns
from emollama_hf.probing.control_values import ControlColumn, read_control
from emollama_hf.probing.finetuned_views import FINETUNED
from emollama_hf.probing.folds import Folds
from emollama_hf.probing.linear import linear_fold
from emollama_hf.probing.options import ProbeOptions
from emollama_hf.probing.outcome import Outcome, chance_outcome
from emollama_hf.probing.predictions_file import PREDICTIONS, FinetunedPredictions, write_predictions
from emollama_hf.probing.result import ProbeResult
from emollama_hf.probing.rows import ProbeRows
from emollama_hf.probing.scored_outcomes import result_origin, scored_outcomes
from emollama_hf.probing.views import CHANCE, CONTROL
from emollama_hf.training.recipe import FAULTS, Recipe
from emollama_hf.training.training_error import TrainingError

REPORT = "report"
#: What a report says first of the published recipe.
FAULTS_NOTE = f"Trained as published, with its known faults: {'; '.join(FAULTS)}."
#: What a report calls the groups where each row is a group of its own; no column has this name.
EACH_ROW = "(row)"


@dataclass(frozen=True)
class ReportOptions:
    """What a report says of the training beside its recipe.

    Attributes:
        label: Column of the labels.
        fold_column: Column of the folds.
        group: Column of the groups; None where each row was a group of its own.
        positive: Class that was named for F1 and AUC-PR; None for the rarest.
        metric: By which the model is judged, as for `probe`.
        place: Name of the data set's place; None for a data set in memory.
        fingerprint: Of the data set.
        dataset_rows: How many rows it has, those that were left out among them.
        random: Whether training began with random weights.
        facts: JSON-able, what else is recorded: base, options, seed.
    """

    label: str
    fold_column: str
    group: str | None = None
    positive: str | None = None
    metric: str = "auc_roc"
    place: str | None = None
    fingerprint: str = ""
    dataset_rows: int = 0
    random: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


def view_name(recipe: Recipe) -> str:
    """The name of a finetuned model in tables: "emotion_llama (corrected)"."""
    return f"emotion_llama ({recipe.name})"


def finetuned_report(
    rows: ProbeRows,
    tested: np.ndarray,
    probabilities: np.ndarray,
    predicted: np.ndarray,
    recipe: Recipe,
    options: ReportOptions,
    *,
    clips: Dataset | None = None,
) -> ProbeResult:
    """The result of testing a finetuned model, beside chance and what facts of the clips reach.

    Args:
        rows: All rows of the training, with their folds.
        tested: (m,) positions of the rows that were tested, each while its fold was held out.
        probabilities: (m, classes) of these rows, in the order of `rows.labels.classes`.
        predicted: (m,) class numbers; `NO_CLASS` for an answer that names no class.
        recipe: That was trained by.
        options: What else the report says.
        clips: A row for each of `rows`, with facts of the clips such as their duration; None for no control.

    Returns:
        The result, of the tested rows alone. What a fold of one class leaves undefined is NaN.

    Raises:
        TrainingError: The rows have no folds.
        ValueError: Arrays that do not fit.
    """
    if rows.folds is None:
        raise TrainingError("nothing was held out, so nothing can be reported. Name folds (fold_column=, fold=).")
    told = _probe_options(options)
    probed, folds = rows.only(tested), _tested_folds(rows, tested)
    outcome = Outcome(
        view=view_name(recipe),
        model=FINETUNED,
        shape="",
        probabilities=np.asarray(probabilities, np.float64),
        predicted=np.asarray(predicted, np.int64),
        choices={"training": dict(options.facts)},
    )
    outcomes = {outcome.view: outcome}
    control = _control_columns(clips, rows, told)
    facts_alone = _control_outcome(control, rows, tested, told)
    if facts_alone is not None:
        outcomes[CONTROL] = facts_alone
    outcomes[CHANCE] = chance_outcome(probed, CHANCE)
    scores, comparisons = scored_outcomes(probed, folds, outcomes, told)
    return ProbeResult(
        options=told,
        rows=probed,
        folds=folds,
        outcomes=outcomes,
        scores=scores,
        comparisons=comparisons,
        control={one.name: one.read_as for one in control} if facts_alone is not None else {},
        control_alone=(),
        random=(outcome.view,) if options.random else (),
        origin={
            **result_origin(place=options.place, fingerprint=options.fingerprint, rows=options.dataset_rows),
            "training": {"recipe": recipe.name, **options.facts},
        },
        notes=_notes(recipe, outcome.predicted, rows, folds),
    )


def write_report(out: Path, result: ProbeResult, recipe: Recipe, options: ReportOptions) -> None:
    """Write out/report, as a probe's result, and out/predictions.parquet, which `probe` reads (adapter=).

    Both name clips and participants, and are as private as the labels.

    Raises:
        TrainingError, ProbeError: They cannot be written.
    """
    rows, outcome = result.rows, result.outcomes[view_name(recipe)]
    predictions = FinetunedPredictions(
        names=rows.names,
        groups=tuple(rows.group_names[number] for number in rows.groups),
        folds=tuple(result.folds.names[number] for number in result.folds.numbers),
        truth=tuple(rows.labels.classes[number] for number in rows.labels.numbers),
        predicted=outcome.predicted,
        probabilities=outcome.probabilities,
        positive=rows.labels.positive,
        facts={
            "view": outcome.view,
            "label": options.label,
            "group": options.group,
            "fold": options.fold_column,
            "classes": list(rows.labels.classes),
            "random": options.random,
            "recipe": recipe.name,
            **options.facts,
        },
    )
    result.save(out / REPORT)
    try:
        write_predictions(out / PREDICTIONS, predictions)
    except OSError as error:
        raise TrainingError(
            f"{out / PREDICTIONS} cannot be written ({error.strerror}). Make room, and run the same again: what was "
            "trained is kept."
        ) from error


def _probe_options(options: ReportOptions) -> ProbeOptions:
    return ProbeOptions(
        label=options.label,
        group=EACH_ROW if options.group is None else options.group,
        fold=options.fold_column,
        positive=options.positive,
        metric=options.metric,
        permutations=0,
        allow_random=options.random,
    )


def _tested_folds(rows: ProbeRows, tested: np.ndarray) -> Folds:
    assert rows.folds is not None
    present, numbers = np.unique(rows.folds[tested], return_inverse=True)
    return Folds(numbers.astype(np.int64), tuple(rows.fold_names[fold] for fold in present), given=True)


def _control_columns(clips: Dataset | None, rows: ProbeRows, options: ProbeOptions) -> tuple[ControlColumn, ...]:
    if clips is None:
        return ()
    if len(clips) != len(rows):
        raise ValueError(f"clips: {len(clips)} rows, expected one for each of {len(rows)}")
    return read_control(clips, control_columns(clips, options), np.arange(len(clips)))


def _control_outcome(
    control: tuple[ControlColumn, ...], rows: ProbeRows, tested: np.ndarray, options: ProbeOptions
) -> Outcome | None:
    """What a logistic regression on facts of the clips says of the tested rows; None where it cannot be fitted."""
    if not control:
        return None
    assert rows.folds is not None
    matrix = np.concatenate([one.matrix for one in control], axis=1)
    classes = len(rows.labels.classes)
    found = np.empty((len(rows), classes))
    for fold in np.unique(rows.folds[tested]):
        train, test = np.flatnonzero(rows.folds != fold), np.flatnonzero(rows.folds == fold)
        [fit] = linear_fold(
            [matrix], [rows.labels.numbers], rows.groups, train, test, classes=classes, seed=options.seed
        )
        if fit is None:
            return None
        found[test] = fit.probabilities
    probabilities = found[tested]
    return Outcome(CONTROL, "logistic regression", str(matrix.shape[1]), probabilities, probabilities.argmax(axis=1))


def _notes(recipe: Recipe, predicted: np.ndarray, rows: ProbeRows, folds: Folds) -> tuple[str, ...]:
    notes = [FAULTS_NOTE] if recipe.name == "as_published" else []
    if recipe.epoch_chosen_by == "test" and recipe.name != "as_published":
        notes.append("The best epoch was chosen by the loss of the rows that are reported: the numbers are too good.")
    nameless = int((predicted == NO_CLASS).sum())
    if nameless:
        notes.append(f"{nameless} of {len(predicted)} answers name no class, and count as wrong.")
    if len(folds.names) < len(rows.fold_names):
        # Without the folds' names, which may be those of participants: notes are published with the adapter.
        notes.append(
            f"{len(folds.names)} of {len(rows.fold_names)} folds tested: {len(predicted)} of {len(rows)} clips."
        )
    return tuple(notes)
