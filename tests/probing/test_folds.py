"""Folds and inner splits: every row is tested once, and no group is on both sides."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from emollama_hf.probing.folds import inner_split, make_folds
from emollama_hf.probing.label_values import Labels
from emollama_hf.probing.permuted import permuted_labels
from emollama_hf.probing.probe_error import ProbeError
from emollama_hf.probing.rows import ProbeRows


def rows_of(labels: np.ndarray, groups: np.ndarray) -> ProbeRows:
    names = tuple(map(str, range(int(groups.max()) + 1)))
    classes = Labels(labels, tuple(map(str, range(int(labels.max()) + 1))), 1)
    numbers = np.arange(len(labels))
    return ProbeRows(numbers, tuple(map(str, numbers)), classes, groups, names, None, (), {})


@settings(max_examples=40, deadline=None)
@given(groups=st.integers(4, 12), count=st.integers(2, 4), classes=st.integers(2, 3), seed=st.integers(0, 10**6))
def test_no_group_is_on_both_sides(groups: int, count: int, classes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    members = np.repeat(np.arange(groups), random.integers(1, 9, groups))
    labels = random.integers(0, classes, len(members))
    labels[:classes] = np.arange(classes)
    try:
        folds = make_folds(rows_of(labels, members), count=count, seed=seed % 1000, fold_column=None, group_column="g")
    except ProbeError:
        return  # a class in one fold alone, or in too few rows
    tested = np.concatenate([test for _, test in folds])
    assert sorted(tested) == list(range(len(members)))
    for train, test in folds:
        assert not set(members[train]) & set(members[test])
        assert set(labels[train]) == set(range(classes))
        split = inner_split(labels[train], members[train], seed=seed % 1000)
        if split is not None:
            inner = members[train]
            assert not set(inner[split.fit]) & set(inner[split.held])
            assert set(labels[train][split.held]) == set(labels[train][split.fit]) == set(range(classes))


def test_folds_are_those_of_their_seed() -> None:
    random = np.random.default_rng(0)
    rows = rows_of(random.integers(0, 2, 200), np.arange(200) // 10)

    def made(seed: int) -> list[int]:
        return make_folds(rows, count=4, seed=seed, fold_column=None, group_column="g").numbers.tolist()

    assert made(3) == made(3) != made(4)


def test_permuted_labels_are_the_same_labels_of_other_rows() -> None:
    random = np.random.default_rng(0)
    groups = np.sort(random.integers(0, 8, 100))
    labels = random.integers(0, 3, 100)
    first, second = permuted_labels(labels, groups, count=2, seed=0)
    for one in (first, second):
        assert (np.bincount(one) == np.bincount(labels)).all()
        assert (one != labels).any()
    assert (first != second).any()
