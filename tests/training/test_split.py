"""Training, choosing and test rows: all rows once, no group in two parts, every class on both sides of a choice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from emollama_hf.probing.folds import inner_split
from emollama_hf.probing.label_values import Labels
from emollama_hf.probing.rows import ProbeRows
from emollama_hf.training.split import ALL, chosen_folds, parts
from emollama_hf.training.training_error import TrainingError


def rows_of(labels: list[int], groups: list[int], folds: list[int]) -> ProbeRows:
    """Rows of these classes and groups; folds: of each group."""
    numbered = np.unique(groups, return_inverse=True)[1]
    values = np.array([folds[group] for group in groups])
    names, numbers = np.unique(values, return_inverse=True)
    return ProbeRows(
        indices=np.arange(len(labels)),
        names=tuple(map(str, range(len(labels)))),
        labels=Labels(np.array(labels), ("NonMW", "MW"), 1),
        groups=numbered,
        group_names=tuple(map(str, np.unique(groups))),
        folds=numbers,
        fold_names=tuple(map(str, names)),
        left_out={},
    )


@settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much])
@given(
    people=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1)), min_size=12, max_size=60),
    folds=st.lists(st.integers(0, 3), min_size=10, max_size=10),
    fold=st.sampled_from([None, "first"]),
    chosen_by=st.sampled_from(["inner", "test", "last"]),
    seed=st.integers(0, 5),
)
def test_no_group_is_on_two_sides(
    people: list[tuple[int, int]], folds: list[int], fold: str | None, chosen_by: str, seed: int
) -> None:
    rows = rows_of([label for _, label in people], [group for group, _ in people], folds)
    assume(len(set(rows.labels.numbers.tolist())) == 2 and (fold is None or len(rows.fold_names) > 1))
    chosen = None if fold is None else rows.fold_names[0]
    train = np.arange(len(people)) if chosen is None else np.flatnonzero(rows.folds != 0)
    inner = chosen_by == "inner"
    if inner and inner_split(rows.labels.numbers[train], rows.groups[train], seed=seed) is None:
        with pytest.raises(TrainingError, match="cannot be divided by group"):
            parts(rows, chosen, chosen_by="inner", grouped=True, seed=seed)
        return
    split = parts(rows, chosen, chosen_by=chosen_by, grouped=True, seed=seed)
    again = parts(rows, chosen, chosen_by=chosen_by, grouped=True, seed=seed)
    assert all(np.array_equal(a, b) for a, b in zip(vars(split).values(), vars(again).values(), strict=True))
    everything = np.concatenate([split.fit, split.test, *([split.held] if inner else [])])
    assert sorted(everything.tolist()) == list(range(len(people)))
    assert sorted([*split.training_part, *split.test]) == list(range(len(people)))
    sides = [set(rows.groups[side].tolist()) for side in (split.fit, split.held, split.test)]
    assert not sides[0] & (sides[1] | sides[2])
    if inner:
        assert not sides[1] & sides[2]
        assert len(set(rows.labels.numbers[split.fit])) == len(set(rows.labels.numbers[split.held]))
    else:
        assert split.held.tolist() == (split.test.tolist() if chosen_by == "test" else [])
    expected = [] if chosen is None else np.flatnonzero(rows.folds == 0).tolist()
    assert split.test.tolist() == expected


def test_few_rows_without_groups_train_to_the_last_epoch() -> None:
    rows = rows_of([0, 1, 0], [0, 1, 2], [0] * 3)
    split = parts(rows, None, chosen_by="inner", grouped=False, seed=0)
    assert (split.fit.tolist(), len(split.held), len(split.test)) == ([0, 1, 2], 0, 0)


def test_an_inner_split_holds_out_about_a_fifth() -> None:
    rows = rows_of([row % 3 == 0 for row in range(120)], [row // 6 for row in range(120)], [0] * 20)
    split = parts(rows, None, chosen_by="inner", grouped=True, seed=3)
    assert len(split.test) == 0
    assert 18 <= len(split.held) <= 30
    assert parts(rows, None, chosen_by="inner", grouped=True, seed=4).held.tolist() != split.held.tolist()


def test_folds_are_chosen_by_value_or_all() -> None:
    rows = rows_of([0, 1, 0, 1], [0, 0, 1, 1], [10, 2])
    assert chosen_folds(rows, None) == (None,)
    assert chosen_folds(rows, 10) == chosen_folds(rows, "10") == ("10",)
    assert chosen_folds(rows, ALL) == ("2", "10")
    with pytest.raises(TrainingError, match="Choose one of 2, 10"):
        chosen_folds(rows, 1)
