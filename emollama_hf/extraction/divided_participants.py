"""Participants whose clips are in several folds: a warning for any table of labels, an error of a layout's builder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

WHY_ONE_FOLD = "A model would be tested on people that it was trained on: give all clips of a participant one fold."


def divided_participants(rows: Iterable[tuple[Any, Any, int]]) -> dict[Any, dict[Any, int]]:
    """Find participants that are in more than one fold.

    Args:
        rows: participant, fold and line of each row; rows without one of the first two are passed over.

    Returns:
        For each of these participants the folds, with the first line of each.

    Example:
        >>> divided_participants([("p", 1, 2), ("q", 1, 3), ("p", 2, 4), ("p", 1, 5)])
        {'p': {1: 2, 2: 4}}
    """
    lines: dict[Any, dict[Any, int]] = {}
    for participant, fold, line in rows:
        if participant is not None and fold is not None:
            lines.setdefault(participant, {}).setdefault(fold, line)
    return {participant: folds for participant, folds in lines.items() if len(folds) > 1}
