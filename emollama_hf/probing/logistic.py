"""Logistic regression with an L2 penalty and weighted classes, for many fits of the same vectors.

The objective is scikit-learn's, C times the sum of the weighted losses plus half the squared weights, and so is the
result (tests/probing/test_logistic.py). Its solvers are not used: a probe makes hundreds of fits of the same vectors,
with another C, other rows or permuted labels, and here these share one factor of the vectors' products, in whose
coordinates L-BFGS needs a dozen steps (measured: benchmarks/README.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from emollama_hf.probing.class_balance import balanced_weights

#: Steps of L-BFGS at most; a fit in the factor's coordinates needs far fewer.
_MOST_STEPS = 200
#: Vectors that are this many times as wide as there are rows are rotated into the rows' own space first.
_WIDE = 2


@dataclass(frozen=True)
class Logistic:
    """weights: (D, K) float64. intercepts: (K,). K is 1 for two classes, of which it is the second's, else theirs."""

    weights: np.ndarray
    intercepts: np.ndarray

    def probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """Probabilities of the classes, (n, classes) float64, of vectors (n, D)."""
        return _probabilities((vectors @ self.weights.astype(vectors.dtype)).astype(np.float64) + self.intercepts)


class LogisticFits:
    """Fits of one matrix of vectors, each with labels, a C and a choice of rows of its own.

    Args:
        vectors: (n, D) float32, standardised; of a constant column every value is 0.
        classes: How many there are.

    Example:
        >>> fit = LogisticFits(vectors, classes=2).fit(labels, 0.01)
        >>> fit.probabilities(vectors).shape
        (500, 2)
    """

    def __init__(self, vectors: np.ndarray, *, classes: int) -> None:
        self._classes = classes
        self._given = vectors
        self._rotation: np.ndarray | None = None
        if vectors.shape[1] > _WIDE * len(vectors):
            # The weights of an L2 penalty lie in the space of the rows, in which a rotation loses nothing.
            left, lengths, right = np.linalg.svd(vectors, full_matrices=False)
            self._rotation = np.ascontiguousarray(right.T)
            vectors = left * lengths
        self._vectors = np.ascontiguousarray(vectors, np.float32)
        self._factors: dict[float, np.ndarray] = {}

    def probabilities(self, fit: Logistic, rows: np.ndarray) -> np.ndarray:
        """Probabilities of some of the rows, (rows, classes), by a fit of these vectors."""
        return fit.probabilities(self._given[rows])

    @property
    def _outputs(self) -> int:
        return 1 if self._classes == 2 else self._classes

    @cached_property
    def _products(self) -> np.ndarray:
        products: np.ndarray = self._vectors.T @ self._vectors
        return products

    def fit(self, labels: np.ndarray, strength: float, rows: np.ndarray | None = None) -> Logistic:
        """The weights that minimise the objective.

        Args:
            labels: (n,) class numbers; each class weighs the same in the loss.
            strength: scikit-learn's C: the smaller, the more regularised.
            rows: Positions of the rows that count, or None for all of them.

        Returns:
            The fit.
        """
        from scipy.linalg import solve_triangular
        from scipy.optimize import minimize

        vectors = self._vectors if rows is None else self._vectors[rows]
        labels = labels if rows is None else labels[rows]
        weights = balanced_weights(labels, self._classes)[labels]
        target = np.zeros((len(labels), self._classes))
        target[np.arange(len(labels)), labels] = 1.0
        target = target[:, 1:] if self._classes == 2 else target
        factor = self._factor(strength)
        scale = np.sqrt(strength * self._curvature * len(labels))
        shape = (vectors.shape[1] + 1, self._outputs)

        def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
            inner = flat.reshape(shape)
            own = solve_triangular(factor, inner[:-1].astype(np.float32), lower=True, trans=1, check_finite=False)
            scores = (vectors @ own).astype(np.float64) + inner[-1] / scale
            residual, loss = _residual(scores, target)
            residual *= weights[:, None] * strength
            down = vectors.T @ residual.astype(np.float32) + own
            gradient = np.empty(shape)
            gradient[:-1] = solve_triangular(factor, down, lower=True, check_finite=False)
            gradient[-1] = residual.sum(axis=0) / scale
            value = strength * float(weights @ loss) + 0.5 * float(np.vdot(own, own).real)
            return value, gradient.ravel()

        options = {"maxiter": _MOST_STEPS, "ftol": 1e-7, "gtol": 1e-6, "maxcor": 10}
        found = minimize(
            objective, np.zeros(shape[0] * shape[1]), jac=True, method="L-BFGS-B", options=options
        ).x.reshape(shape)
        own = solve_triangular(factor, found[:-1], lower=True, trans=1, check_finite=False)
        if self._rotation is not None:
            own = self._rotation @ own
        return Logistic(own, found[-1] / scale)

    @property
    def _curvature(self) -> float:
        """Curvature of the loss where every class is as likely, which is the most that it has."""
        return 0.25 if self._classes == 2 else (1 - 1 / self._classes) / self._classes

    def _factor(self, strength: float) -> np.ndarray:
        """The Cholesky factor of the objective's curvature at its start; lower, (D, D) float32."""
        if strength not in self._factors:
            from scipy.linalg import cholesky

            curvature = self._products * np.float32(strength * self._curvature)
            curvature[np.diag_indices_from(curvature)] += 1.0
            self._factors[strength] = cholesky(curvature, lower=True, overwrite_a=True, check_finite=False)
        return self._factors[strength]


def _probabilities(scores: np.ndarray) -> np.ndarray:
    from scipy.special import expit, softmax

    if scores.shape[1] == 1:
        second = expit(scores[:, 0])
        return np.stack([1 - second, second], axis=1)
    found: np.ndarray = softmax(scores, axis=1)
    return found


def _residual(scores: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probability less target, (n, K), and the loss of each row, (n,)."""
    from scipy.special import expit, logsumexp

    if scores.shape[1] == 1:
        loss = np.logaddexp(0.0, scores[:, 0]) - target[:, 0] * scores[:, 0]
        return expit(scores) - target, loss
    log_sum = logsumexp(scores, axis=1)
    return np.exp(scores - log_sum[:, None]) - target, log_sum - (scores * target).sum(axis=1)
