"""Holm's correction: p-values of several comparisons, so that one false finding among all of them stays improbable."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values by the step-down method of Holm (1979).

    Args:
        p_values: of each comparison, within 0..1. NaN, of a comparison that is undefined, stays NaN and is not counted.

    Returns:
        Adjusted p-values in the order given.

    Raises:
        ValueError: a value is not within 0..1.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, np.float64)
    known = np.flatnonzero(~np.isnan(values))
    if ((values[known] < 0) | (values[known] > 1)).any():
        raise ValueError(f"p_values={list(p_values)!r}: expected numbers within 0..1")
    order = known[np.argsort(values[known], kind="stable")]
    steps = values[order] * np.arange(len(order), 0, -1)
    adjusted = np.full(len(values), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return [float(one) for one in adjusted]
