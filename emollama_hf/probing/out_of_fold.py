"""A view, fitted on the training part of each fold and asked about its test part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from datasets import Dataset

from emollama_hf.console.logs import package_logger
from emollama_hf.probing.arrays import vectors_of
from emollama_hf.probing.folds import Folds
from emollama_hf.probing.linear import LinearFold, linear_fold
from emollama_hf.probing.options import ProbeOptions
from emollama_hf.probing.outcome import Outcome
from emollama_hf.probing.recurrent import RecurrentFold, recurrent_fold
from emollama_hf.probing.rows import ProbeRows
from emollama_hf.probing.sequence_reading import Moments, SequenceReader
from emollama_hf.probing.views import View

logger = package_logger(__name__)


class OutOfFold:
    """Predictions of views of one data set, on the same rows and folds.

    Args:
        ds: The data set.
        rows: The rows that are probed.
        folds: Of these rows.
        permuted: Labels of each permutation, as `permuted_labels` draws them.
        options: Seeds, epochs and device.
        device: The torch device of networks.
    """

    def __init__(
        self,
        ds: Dataset,
        rows: ProbeRows,
        folds: Folds,
        permuted: Sequence[np.ndarray],
        options: ProbeOptions,
        device: str,
    ) -> None:
        self._ds, self._rows, self._folds, self._permuted = ds, rows, folds, permuted
        self._options, self._device = options, device

    def read(self, view: View) -> list[np.ndarray] | tuple[SequenceReader, Moments]:
        """What a view is predicted from, checked: vectors in memory, or a reader of sequences and their sums.

        Raises:
            ProbeError: A row that cannot be used.
        """
        if view.kind == "vector":
            return vectors_of(self._ds, view, self._rows.indices, self._rows.names)
        reader = SequenceReader(self._ds, view.parts[0], self._rows.indices, self._rows.names)
        return reader, reader.moments(self._folds.numbers, len(self._folds.names))

    def vectors(self, name: str, matrices: Sequence[np.ndarray]) -> Outcome:
        """Logistic regression on vectors.

        Args:
            name: Of the view.
            matrices: (n, D) of each of its parts.
        """
        labels, groups = self._rows.labels.numbers, self._rows.groups
        labelings = [labels, *self._permuted]
        folds: list[list[LinearFold | None]] = []
        for train, test in self._folds:
            fits = linear_fold(
                matrices, labelings, groups, train, test, classes=len(self._rows.labels.classes),
                seed=self._options.seed,
            )  # fmt: skip
            folds.append(fits)
        first = [fits[0] for fits in folds]
        assert all(fit is not None for fit in first)  # folds were checked to have every class
        probabilities = self._together(fit.probabilities for fit in first if fit is not None)
        permuted = []
        for number, permuted_labels in enumerate(self._permuted, start=1):
            found = [fits[number] for fits in folds]
            if all(fit is not None for fit in found):
                predicted = self._together(fit.probabilities for fit in found if fit is not None)
                permuted.append((permuted_labels, predicted))
        return Outcome(
            view=name,
            model="logistic regression",
            shape=str(sum(matrix.shape[1] for matrix in matrices)),
            probabilities=probabilities,
            predicted=probabilities.argmax(axis=1),
            permuted=tuple(permuted),
            choices={
                "C": [fit.strength for fit in first if fit is not None],
                "chosen_on_inner_split": [fit.chosen for fit in first if fit is not None],
            },
        )

    def sequences(self, name: str, reader: SequenceReader, moments: Moments) -> Outcome:
        """BiLSTMs on sequences, whose probabilities are averaged over the seeds.

        Args:
            name: Of the view.
            reader: Of its sequences.
            moments: Their sums by fold.
        """
        options = self._options
        seeds = [options.seed + 1000 * number for number in range(options.seeds)]
        folds: list[RecurrentFold] = []
        for number, (train, test) in enumerate(self._folds):
            found = recurrent_fold(
                reader, moments.without(number), self._rows.labels.numbers, self._rows.groups, train, test,
                classes=len(self._rows.labels.classes), seeds=seeds, max_epochs=options.max_epochs,
                device=self._device,
            )  # fmt: skip
            folds.append(found)
            logger.info("%s: fold %d of %d, epochs %s", name, number + 1, len(self._folds.names), found.epochs)
        by_seed = np.stack(
            [self._together(fold.probabilities[number] for fold in folds) for number in range(len(seeds))]
        )
        probabilities = by_seed.mean(axis=0)
        return Outcome(
            view=name,
            model="BiLSTM",
            shape=f"{reader.longest} x {reader.width}",
            probabilities=probabilities,
            predicted=probabilities.argmax(axis=1),
            by_seed=by_seed,
            choices={
                "seeds": seeds,
                "epochs": [list(fold.epochs) for fold in folds],
                "stopped_on_inner_split": [fold.chosen for fold in folds],
            },
        )

    def _together(self, folds: Iterable[np.ndarray]) -> np.ndarray:
        """Predictions of the test parts as one array, in the order of the rows."""
        found = np.empty((len(self._rows), len(self._rows.labels.classes)))
        for (_, test), probabilities in zip(self._folds, folds, strict=True):
            found[test] = probabilities
        return found
