"""`emollama_hf.probe`: which feature column carries a label."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from emollama_hf.computing.extra_library import extra_library
from emollama_hf.computing.process import resolve_device
from emollama_hf.console.logs import package_logger
from emollama_hf.console.safe_errors import no_secrets
from emollama_hf.probing.conclusion import above
from emollama_hf.probing.control import control_columns
from emollama_hf.probing.control_alone import compare_alone
from emollama_hf.probing.control_values import ControlColumn, read_control
from emollama_hf.probing.finetuned_views import (
    Adapters,
    check_not_random_finetuned,
    finetuned_outcome,
    open_finetuned,
)
from emollama_hf.probing.folds import Folds, make_folds
from emollama_hf.probing.options import ProbeOptions, names_tuple
from emollama_hf.probing.out_of_fold import OutOfFold
from emollama_hf.probing.outcome import Outcome, chance_outcome
from emollama_hf.probing.permuted import permuted_labels
from emollama_hf.probing.probe_error import ProbeError, check_column
from emollama_hf.probing.random_weights import check_not_random, random_columns_of_dataset, random_columns_of_place
from emollama_hf.probing.result import ProbeResult
from emollama_hf.probing.rows import ProbeRows, read_rows
from emollama_hf.probing.scored_outcomes import result_origin, scored_outcomes
from emollama_hf.probing.scoring import read_levels
from emollama_hf.probing.views import CHANCE, CONTROL, View, choose_views
from emollama_hf.sharing.load import load

logger = package_logger(__name__)


@no_secrets()
def probe(
    ds: Dataset | str | os.PathLike[str],
    *,
    label: str,
    group: str,
    fold: str | None = None,
    columns: str | Sequence[str] | None = None,
    combine: str | Sequence[str] = (),
    by: str | None = None,
    seed: int = 0,
    folds: int = 5,
    control: str | Sequence[str] = (),
    adapter: Adapters = None,
    positive: str | None = None,
    metric: str = "auc_roc",
    permutations: int = 3,
    resamples: int = 2000,
    seeds: int = 3,
    max_epochs: int = 30,
    device: str = "auto",
    allow_random: bool = False,
    split: str | None = None,
    config_name: str | None = None,
    revision: str | None = None,
) -> ProbeResult:
    """Train a classifier on each feature column, test it on people it has not seen, and compare the columns.

    Vectors get a logistic regression, sequences a BiLSTM; both weigh classes equally, and choose regularisation or
    when to stop on an inner split by group. Every column is compared on the same rows and folds, and intervals and
    differences come from resampled groups. Sequences are read from disk a batch at a time; those of more than 512
    positions are averaged in 512 equal runs. The same seed gives the same numbers on a CPU.

    Args:
        ds: A data set, or what `emollama_hf.load` opens: a directory, "org/name", a URL.
        label: Column of the labels: texts, whole numbers, truth values or classes.
        group: Column of the participants. No group is ever on both sides of a fold.
        fold: Column of the folds, each value a test part. None: folds are made, stratified by label.
        columns: Columns, or parts of them: "emollama[6:10]" (positions 6 to 9), "emollama[-1]" (one position),
            "emollama:mean" (the mean over positions). None: every feature column, and `emollama[6:10]` as published.
        combine: Vectors side by side, such as "facemae+resnet50".
        by: Column of levels between which the gap is measured, such as "gender". Of more than two levels the gap is
            that of the best and the worst, and its p is corrected for the number of pairs.
        seed: Of folds, inner splits, resamples, permutations and networks.
        folds: How many folds are made.
        control: Columns of numbers or categories that might give the label away without any feature, such as "room".
            The control has by itself the facts of a clip that the data set holds: frame count, frames a second,
            duration, face coverage, and whether there is sound.
        adapter: A folder that `finetune` wrote with `fold="all"`, or several: what the trained models said of clips of
            people they had not been trained on is a row of the table, if labels, groups and folds are the same.
        positive: Class that F1, AUC-PR and AUC-ROC are of, against all others. None: the class with the fewest rows.
            Balanced accuracy and kappa are of all classes: judge by these (metric=) where there are more than two.
        metric: By which columns are judged: "auc_roc", "auc_pr", "f1", "balanced_accuracy" or "kappa".
        permutations: Refits with labels permuted among groups, of vectors and the control; not of sequences.
        resamples: Of the groups, for intervals and differences; with ten columns or more, at least 60 for each pair of
            them, with fewer of which no corrected p could fall below .05.
        seeds: Networks of a sequence, whose probabilities are averaged.
        max_epochs: Of a network at most; it stops before where the inner split's loss no longer falls.
        device: Torch device of networks: "auto", "cpu", "cuda", ...
        allow_random: Probe columns that were computed with random weights. A place says so by its provenance.json, and
            so does what `extract` returned with `out`. Of other data sets in memory nobody knows: none is refused.
        split, config_name, revision: Of a place, as for `emollama_hf.load`.

    Returns:
        The result: `.table`, `.predictions`, `.conclusion`, `.save(DIR)`. Rows that failed, or lack a label, a group,
        a fold or a feature, are left out and counted.

    Raises:
        ValueError: What cannot be probed, such as one class or one group, a group in two folds, NaN in a feature, an
            unknown column, features of random weights; before anything is trained.

    Example:
        >>> result = probe("features", label="mw_label", group="participant_id", fold="test_fold_num")
        >>> result.table.shape
        (6, 38)
    """
    options = ProbeOptions(
        label=label, group=group, fold=fold, columns=names_tuple(columns, "columns"),
        combine=names_tuple(combine, "combine") or (), by=by, control=names_tuple(control, "control") or (),
        positive=positive, metric=metric, folds=folds, resamples=resamples, seeds=seeds, permutations=permutations,
        max_epochs=max_epochs, seed=seed, device=device, allow_random=allow_random,
    )  # fmt: skip
    for library in ("sklearn", "pandas", "matplotlib"):
        extra_library(library, extra="probe", purpose="a probe")
    opened, random, place = _open(ds, split=split, config_name=config_name, revision=revision)
    views = choose_views(opened.features, options)
    finetuned = open_finetuned(adapter, [view.name for view in views])
    options = options.for_views(len(views) + len(finetuned))
    probed = tuple(dict.fromkeys(column for view in views for column in view.columns))
    random_columns = check_not_random(probed, random, allowed=allow_random)
    random_columns += check_not_random_finetuned(finetuned, allowed=allow_random)
    if by is not None:
        check_column(by, opened.column_names, option="by")
    facts = control_columns(opened, options)
    rows = read_rows(opened, probed, options)
    made = make_folds(rows, count=folds, seed=seed, fold_column=fold, group_column=group)
    trained = {name: finetuned_outcome(name, one, rows, made, label=label) for name, one in finetuned.items()}
    levels, level_names = (None, []) if by is None else read_levels(opened, by, rows)
    control_read = read_control(opened, facts, rows.indices)
    outcomes = trained | _outcomes(opened, rows, made, views, control_read, options)
    scores, comparisons = scored_outcomes(rows, made, outcomes, options, levels=levels, level_names=level_names)
    origin = result_origin(place=place, fingerprint=opened._fingerprint, rows=len(opened))
    leaks = any(
        above(one) for one in comparisons if (one.first, one.second, one.metric) == (CONTROL, CHANCE, metric)
    )  # fmt: skip
    alone = compare_alone(opened, rows, made, control_read, options) if options.control and leaks else ()
    read_as = {one.name: one.read_as for one in control_read}
    return ProbeResult(options, rows, made, outcomes, scores, comparisons, read_as, alone, random_columns, origin)


def _open(
    ds: Dataset | str | os.PathLike[str], *, split: str | None, config_name: str | None, revision: str | None
) -> tuple[Dataset, frozenset[str], str | None]:
    """The data set, its columns of random weights, and the name of its place; None for a data set in memory."""
    if isinstance(ds, Dataset):
        if (split, config_name, revision) != (None, None, None):
            raise ProbeError(
                "split, config_name and revision are of a place, and a data set was given. Leave them out."
            )
        return ds, random_columns_of_dataset(ds), None
    if not isinstance(ds, str | os.PathLike):
        kind = type(ds).__name__
        hint = " Choose one split of it (ds['train'])." if isinstance(ds, Mapping) else ""
        raise ProbeError(f"ds is of type {kind}, expected a datasets.Dataset, a directory or org/name.{hint}")
    place = os.fspath(ds)
    opened = load(place, ok_only=False, split=split, config_name=config_name, revision=revision)
    random = random_columns_of_place(place, config_name, revision)
    return opened, random, Path(place).resolve().name if Path(place).exists() else place


def _outcomes(
    ds: Dataset,
    rows: ProbeRows,
    folds: Folds,
    views: Sequence[View],
    control: Sequence[ControlColumn],
    options: ProbeOptions,
) -> dict[str, Outcome]:
    """Out-of-fold predictions of every view, the control and chance. All that is read is checked before any fit."""
    device = resolve_device(options.device) if any(view.kind == "sequence" for view in views) else "cpu"
    permuted = permuted_labels(rows.labels.numbers, rows.groups, count=options.permutations, seed=options.seed)
    runner = OutOfFold(ds, rows, folds, permuted, options, device)
    inputs: dict[str, Any] = {view.name: runner.read(view) for view in views}
    outcomes = {}
    for number, view in enumerate(views):
        logger.info("%s: %d of %d columns", view.name, number + 1, len(views))
        found = inputs.pop(view.name)
        outcomes[view.name] = (
            runner.vectors(view.name, found) if view.kind == "vector" else runner.sequences(view.name, *found)
        )
    if control:
        outcomes[CONTROL] = runner.vectors(CONTROL, [np.concatenate([one.matrix for one in control], axis=1)])
    outcomes[CHANCE] = chance_outcome(rows, CHANCE)
    return outcomes
