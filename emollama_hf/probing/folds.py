"""Folds in which no group lies on both sides: given ones are checked, others are made."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from emollama_hf.probing.probe_error import ProbeError
from emollama_hf.probing.rows import ProbeRows
from emollama_hf.text.few_of_many import few_and_more

#: Share of the training part's groups that an inner split holds out, as the number of its parts.
_INNER_PARTS = 5
#: Splits that are tried for an inner split in which both parts have every class.
_INNER_TRIES = 5


@dataclass(frozen=True)
class Folds:
    """numbers: (n,) int64, the fold in whose test part each row lies. names: of the folds. given: by a column."""

    numbers: np.ndarray
    names: tuple[str, ...]
    given: bool

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Positions of the training rows and of the test rows of each fold."""
        for fold in range(len(self.names)):
            test = self.numbers == fold
            yield np.flatnonzero(~test), np.flatnonzero(test)


@dataclass(frozen=True)
class InnerSplit:
    """Positions within the training part: what is fitted, and what a choice is made on."""

    fit: np.ndarray
    held: np.ndarray


#: What can be done where a column's folds cannot be used.
_MADE_INSTEAD = "leave fold out, and folds are made by group"


def given_folds(
    rows: ProbeRows, column: str, group_column: str, *, option: str = "fold", otherwise: str = _MADE_INSTEAD
) -> Folds:
    """The folds that a column gives.

    Args:
        rows: The rows with their groups and folds.
        column: That gives the folds, for messages.
        group_column: The column of the groups, for messages.
        option: The argument that named the column.
        otherwise: What messages suggest beside another column.

    Returns:
        The folds; every row is in the test part of one of them.

    Raises:
        ProbeError: A group in two folds, one fold, or a training part that lacks a class.
    """
    assert rows.folds is not None
    folds = Folds(rows.folds, rows.fold_names, given=True)
    _check_given(rows, folds, f"{option}={column!r}", column, group_column, otherwise)
    _check_parts(rows, folds, f"Correct {column!r}")
    return folds


def make_folds(rows: ProbeRows, *, count: int, seed: int, fold_column: str | None, group_column: str) -> Folds:
    """The folds of a probe: the given ones, or new ones stratified by label.

    Args:
        rows: The rows with their groups, and the folds if a column gives them.
        count: How many folds are made where none are given.
        seed: Of the shuffle.
        fold_column: The column that gives folds, for messages.
        group_column: The column of the groups, for messages.

    Returns:
        The folds; every row is in the test part of one of them.

    Raises:
        ProbeError: One group, fewer groups than folds, a group in two folds, one fold, or a training part that lacks a
            class.
    """
    groups = len(rows.group_names)
    if groups < 2:
        raise ProbeError(
            f"group={group_column!r} has one group only, {rows.group_names[0]!r}: nothing can be tested on people that "
            "were not trained on. Name the column of the participants (group=)."
        )
    if rows.folds is not None:
        return given_folds(rows, str(fold_column), group_column)
    if groups < count:
        raise ProbeError(
            f"group={group_column!r} has {groups} groups, which do not suffice for {count} folds. "
            f"Ask for at most {groups} (folds={groups}, --folds {groups})."
        )
    folds = Folds(_made(rows, count, seed), tuple(str(fold) for fold in range(count)), given=False)
    _check_parts(rows, folds, "Ask for other folds (folds=, seed=)")
    return folds


def inner_split(labels: np.ndarray, groups: np.ndarray, *, seed: int) -> InnerSplit | None:
    """Divide a training part by group, for a choice that must not see the test part.

    Args:
        labels: (n,) class numbers of the training part.
        groups: (n,) its groups.
        seed: Of the shuffle.

    Returns:
        The split, about four fifths against one; None where no split has every class on both sides.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    parts = min(_INNER_PARTS, len(np.unique(groups)))
    if parts < 2:
        return None
    classes = len(np.unique(labels))
    most = int(np.bincount(labels).max())
    if most < 2:
        return None
    if most < parts:
        parts = 2
    for attempt in range(_INNER_TRIES):
        splitter = StratifiedGroupKFold(parts, shuffle=True, random_state=seed + attempt)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a class with fewer rows than parts: looked for below
            splits = list(splitter.split(labels, labels, groups))
        for fit, held in splits:
            if len(np.unique(labels[fit])) == classes == len(np.unique(labels[held])):
                return InnerSplit(fit, held)
    return None


def _made(rows: ProbeRows, count: int, seed: int) -> np.ndarray:
    from sklearn.model_selection import StratifiedGroupKFold

    numbers = np.full(len(rows), -1, np.int64)
    labels = rows.labels.numbers
    smallest = min(rows.labels.counts().items(), key=lambda one: one[1])
    if smallest[1] < count:
        raise ProbeError(
            f"the class {smallest[0]!r} has {smallest[1]} rows, which do not suffice for {count} folds. Ask for fewer "
            "folds, or leave the class out."
        )
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    for fold, (_, test) in enumerate(splitter.split(labels, labels, rows.groups)):
        numbers[test] = fold
    return numbers


def _check_given(
    rows: ProbeRows, folds: Folds, named: str, fold_column: str, group_column: str, otherwise: str
) -> None:
    if len(folds.names) < 2:
        raise ProbeError(
            f"{named} has one value only, {folds.names[0]!r}: nothing would be left to train on. Name another column, "
            f"or {otherwise}."
        )
    pairs = np.unique(np.stack([rows.groups, folds.numbers]), axis=1)
    groups, counts = np.unique(pairs[0], return_counts=True)
    divided = groups[counts > 1]
    if len(divided):
        first = int(divided[0])
        of_first = [folds.names[fold] for fold in pairs[1][pairs[0] == first]]
        others = f" (and {len(divided) - 1} more groups)" if len(divided) > 1 else ""
        raise ProbeError(
            f"group {rows.group_names[first]!r} of {group_column!r} is in the folds {few_and_more(of_first)}{others}: "
            f"a classifier would be tested on people that it has seen. Correct {fold_column!r}, or {otherwise}."
        )


def _check_parts(rows: ProbeRows, folds: Folds, remedy: str) -> None:
    classes = rows.labels.classes
    for fold, (train, test) in enumerate(folds):
        lacking = sorted(set(range(len(classes))) - set(rows.labels.numbers[train].tolist()))
        if len(test) == 0:
            raise ProbeError(f"fold {folds.names[fold]} has no rows: the groups differ too much in size. "
                             "Ask for fewer folds.")  # fmt: skip
        if lacking:
            names = few_and_more([classes[number] for number in lacking], show=repr)
            raise ProbeError(
                f"the training part of fold {folds.names[fold]} has no row of class {names}: all of them are in its "
                f"test part. {remedy}, or leave the class out."
            )
