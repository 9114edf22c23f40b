"""Mean and spread of a training part, by which all rows are standardised: the test part decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: A column whose spread is at most this share of its largest value is constant, but for rounding.
_CONSTANT = 1e-6


@dataclass(frozen=True)
class Standardising:
    """mean, scale: (D,) float32; scale is 1 / spread, and 0 for a constant column, which then carries nothing."""

    mean: np.ndarray
    scale: np.ndarray

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Values (..., D) as float32, with mean 0 and spread 1 over the training part."""
        standardised: np.ndarray = (values.astype(np.float32) - self.mean) * self.scale
        return standardised


def standardising_of(matrix: np.ndarray) -> Standardising:
    """From the vectors of a training part, (n, D)."""
    wide = matrix.astype(np.float64)
    return from_moments(wide.mean(axis=0), wide.std(axis=0))


def from_moments(mean: np.ndarray, spread: np.ndarray) -> Standardising:
    """From means and standard deviations, (D,) float64 each."""
    constant = spread <= _CONSTANT * np.maximum(np.abs(mean), np.finfo(np.float32).tiny)
    scale = np.where(constant, 0.0, 1.0 / np.where(constant, 1.0, spread))
    return Standardising(mean.astype(np.float32), scale.astype(np.float32))


def side_by_side(matrices: Sequence[np.ndarray], train: np.ndarray) -> np.ndarray:
    """Parts of a view beside each other, (n, sum of D) float32, each standardised by the training rows.

    Args:
        matrices: (n, D) of each part.
        train: Positions of the training rows.
    """
    return np.concatenate([standardising_of(matrix[train])(matrix) for matrix in matrices], axis=1)
