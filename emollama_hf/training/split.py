"""Which rows are trained on, which choose the best epoch, and which are tested on: no group is in two of these."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emollama_hf.console.logs import package_logger
from emollama_hf.probing.folds import given_folds, inner_split
from emollama_hf.probing.probe_error import ProbeError
from emollama_hf.probing.rows import ProbeRows
from emollama_hf.text.few_of_many import few_and_more
from emollama_hf.training.training_error import TrainingError

logger = package_logger(__name__)

#: The value of `fold` that stands for each of them in turn.
ALL = "all"


@dataclass(frozen=True)
class Split:
    """Positions among the rows, rising, int64.

    Attributes:
        fit: what is trained on.
        held: what the best epoch is chosen by; empty where nothing chooses.
        test: what is reported; empty where nothing is held out.
    """

    fit: np.ndarray
    held: np.ndarray
    test: np.ndarray

    @property
    def training_part(self) -> np.ndarray:
        """All rows but those of the test part."""
        return np.union1d(self.fit, np.setdiff1d(self.held, self.test))


def parts(rows: ProbeRows, fold: str | int | None, *, chosen_by: str, grouped: bool, seed: int) -> Split:
    """Divide rows for one training.

    Args:
        rows: with their groups, and with folds if `fold` is given.
        fold: value of the fold column whose rows are tested on; None: none are.
        chosen_by: "inner": the best epoch is chosen by an inner split of the training part, by group, about four fifths
            against one; "test": by the test part, as published; "last": by none.
        grouped: whether a column gives the groups. Where none does and too few rows are there to choose, nothing does.
        seed: of the inner split.

    Returns:
        The split.

    Raises:
        TrainingError: there is no such fold, or no inner split with every class on both sides.

    Example:
        >>> split = parts(rows, "0", chosen_by="inner", grouped=True, seed=42)
        >>> len(split.fit), len(split.held), len(split.test)
        (21, 6, 9)
    """
    everything = np.arange(len(rows))
    if fold is None:
        train, test = everything, everything[:0]
    else:
        (name,) = chosen_folds(rows, fold)
        is_test = rows.folds == rows.fold_names.index(str(name))
        train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    if chosen_by != "inner":
        return Split(train, test if chosen_by == "test" else everything[:0], test)
    labels, groups = rows.labels.numbers[train], rows.groups[train]
    within = inner_split(labels, groups, seed=seed)
    if within is None and not grouped:
        logger.warning(
            "%d rows are too few for some of them to choose the best epoch: the last epoch counts.", len(train)
        )
        return Split(train, everything[:0], test)
    if within is None:
        count, part = len(np.unique(groups)), "the data set" if fold is None else f"the training part of fold {fold}"
        raise TrainingError(
            f"{part} ({len(train)} rows of {count} {'group' if count == 1 else 'groups'}) cannot be divided by group "
            "so that every class is on both sides, and nothing could choose the best epoch. Train on more groups, "
            "name another column of groups (group=), or take the last epoch (epoch_chosen_by='last')."
        )
    return Split(train[within.fit], train[within.held], test)


def chosen_folds(rows: ProbeRows, fold: str | int | None) -> tuple[str | None, ...]:
    """The folds that are trained for, by name.

    Args:
        rows: with folds if `fold` is given.
        fold: a value of the fold column, "all", or None for one training that holds nothing out.

    Returns:
        Names of folds, or (None,).

    Raises:
        TrainingError: there is no such fold, or there are none; a fold is called "all".
    """
    if fold is None:
        return (None,)
    if rows.folds is None:
        raise TrainingError(
            f"fold={fold!r}: no column gives the folds. Name it (fold_column=, --fold-column), or leave fold out to "
            "train on all rows."
        )
    if str(fold) == ALL in rows.fold_names:
        raise TrainingError(
            f"fold={ALL!r} stands for each fold in turn, and one fold has this name. Give that fold another name."
        )
    if str(fold) in rows.fold_names:
        return (str(fold),)
    if str(fold) == ALL:
        return rows.fold_names
    raise TrainingError(
        f"fold={fold!r}: there is no such fold. Choose one of {few_and_more(list(rows.fold_names), 20)}, or {ALL!r}."
    )


def check_folds(rows: ProbeRows, fold_column: str | None, group_column: str | None) -> None:
    """Raise TrainingError for folds that cannot be tested on: a group in two of them, one fold, a class in one alone.

    Args:
        rows: with folds, unless `fold_column` is None.
        fold_column: that gives the folds.
        group_column: of the groups; None: each row is one.
    """
    if fold_column is None:
        return
    if rows.folds is not None and group_column is not None and len(rows.group_names) < 2:
        raise TrainingError(
            f"group={group_column!r} has one group only, {rows.group_names[0]!r}: nothing can be tested on people that "
            "were not trained on. Name the column of the participants (group=)."
        )
    try:
        given_folds(rows, fold_column, str(group_column), option="fold_column", otherwise="leave out the folds")
    except ProbeError as error:
        raise TrainingError(str(error)) from None
