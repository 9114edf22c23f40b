"""Labels that belong to other people: what a probe finds in them is chance, or a fault of the probe."""

from __future__ import annotations

import numpy as np


def permuted_labels(labels: np.ndarray, groups: np.ndarray, *, count: int, seed: int) -> list[np.ndarray]:
    """Labels permuted among groups: each group's labels stay together, and other rows get them.

    The rows' labels, group by group in a new order and shuffled within a group, are given to the rows group by group in
    the old order. As many rows have each label, and neighbours still resemble each other.

    Args:
        labels: (n,) class numbers.
        groups: (n,) group numbers.
        count: How many permutations are drawn.
        seed: Of the draw.

    Returns:
        Class numbers (n,) for each permutation.
    """
    random = np.random.default_rng([seed, 1])
    order = np.argsort(groups, kind="stable")
    found = []
    for _ in range(count):
        drawn = [random.permutation(np.flatnonzero(groups == group)) for group in random.permutation(np.unique(groups))]
        permuted = np.empty_like(labels)
        permuted[order] = labels[np.concatenate(drawn)]
        found.append(permuted)
    return found
