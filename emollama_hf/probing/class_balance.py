"""Losses in which each class weighs the same, however many rows it has."""

from __future__ import annotations

import numpy as np


def balanced_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """The weight of each class, (classes,): of n rows the classes' weights sum up to n; 0 where a class has no row."""
    counts = np.bincount(labels, minlength=classes)
    return np.where(counts > 0, len(labels) / (classes * np.maximum(counts, 1)), 0.0)


def balanced_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Log loss of predictions in which each class weighs the same.

    Args:
        probabilities: (n, classes).
        labels: (n,) class numbers; each class has a row.
    """
    classes = probabilities.shape[1]
    own = -np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12))
    return float(own @ balanced_weights(labels, classes)[labels] / len(labels))
