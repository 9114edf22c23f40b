"""Mean and spread of a training part, by which all rows are standardised: the test part decides nothing."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: A column whose spread is at most this many roundings of its mean is constant.
_ROUNDINGS = 4


@dataclass(frozen=True)
class Standardising:
    """mean, scale: (D,) float64; scale is 1 / spread, and 0 for a constant column, which then carries nothing."""

    mean: np.ndarray
    scale: np.ndarray

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Values (..., D) as float32, with mean 0 and spread 1 over the training part; NaN, of an unknown number, as 0.

        The mean is subtracted in float64: of seconds since 1970, float32 knows two minutes apart.
        """
        wide = values.astype(np.float64)
        wide -= self.mean
        wide *= self.scale
        standardised: np.ndarray = np.nan_to_num(wide, copy=False, nan=0.0).astype(np.float32)
        return standardised


def standardising_of(matrix: np.ndarray) -> Standardising:
    """From the vectors of a training part, (n, D) float32 or float64; NaN is no part of a mean."""
    wide = matrix.astype(np.float64)
    if not np.isnan(wide).any():
        return from_moments(wide.mean(axis=0), wide.std(axis=0), precision=matrix.dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column that is unknown throughout has mean and spread NaN
        mean, spread = np.nanmean(wide, axis=0), np.nanstd(wide, axis=0)
    return from_moments(np.nan_to_num(mean), np.nan_to_num(spread), precision=matrix.dtype)


def from_moments(mean: np.ndarray, spread: np.ndarray, *, precision: np.typing.DTypeLike = np.float32) -> Standardising:
    """From means and standard deviations, (D,) float64 each.

    Args:
        mean: Of each column.
        spread: Of each column.
        precision: Type of the values, which decides what spread may be rounding.
    """
    rounding = _ROUNDINGS * float(np.finfo(precision).eps)
    constant = spread <= rounding * np.maximum(np.abs(mean), np.finfo(np.float32).tiny)
    return Standardising(mean, np.where(constant, 0.0, 1.0 / np.where(constant, 1.0, spread)))


def side_by_side(matrices: Sequence[np.ndarray], train: np.ndarray) -> np.ndarray:
    """Parts of a view beside each other, (n, sum of D) float32, each standardised by the training rows.

    Args:
        matrices: (n, D) of each part.
        train: Positions of the training rows.
    """
    return np.concatenate([standardising_of(matrix[train])(matrix) for matrix in matrices], axis=1)
