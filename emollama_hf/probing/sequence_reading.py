"""Sequences of a view, read from disk a batch at a time: never more than a batch of float32 in memory.

one pass ─► lengths, and sums of each fold ─► mean and spread of each training part
each epoch ─► batches of rows ─► standardised, padded with zeros to the longest of the batch
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from datasets import Dataset

from emollama_hf.console.logs import package_logger
from emollama_hf.probing.arrays import batches, part_arrays
from emollama_hf.probing.probe_error import ProbeError
from emollama_hf.probing.standardising import Standardising, from_moments
from emollama_hf.probing.views import Part

logger = package_logger(__name__)

#: Positions that a recurrent network is given at most; longer sequences are averaged in as many equal runs.
MOST_POSITIONS = 512
#: A batch has as many rows as fit into this many bytes of float32, within the limits below.
_BATCH_BYTES = 2**27
_MOST_ROWS, _FEWEST_ROWS = 32, 2


@dataclass(frozen=True)
class Batch:
    """values: (rows, longest, D) float32, zero behind each row's end. lengths: (rows,) int64."""

    values: np.ndarray
    lengths: np.ndarray


class SequenceReader:
    """The sequences of a view, by the positions of the probed rows.

    Args:
        ds: The data set.
        part: The column, or the positions of it.
        rows: (n,) positions in the data set of the probed rows.
        names: What each of them is called, for messages.

    Raises:
        ProbeError: as `part_arrays`, when rows are read.
    """

    def __init__(self, ds: Dataset, part: Part, rows: np.ndarray, names: Sequence[str]) -> None:
        self._ds, self._part, self._rows, self._names = ds, part, rows, names
        self.longest = self.width = 0

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def batch_rows(self) -> int:
        """Rows of a batch; known after `moments`."""
        a_row = max(1, min(self.longest, MOST_POSITIONS) * self.width * 4)
        return max(_FEWEST_ROWS, min(_MOST_ROWS, _BATCH_BYTES // a_row))

    def moments(self, folds: np.ndarray, count: int) -> Moments:
        """Read every row once, check it, and sum it up by the fold in whose test part it lies.

        Args:
            folds: (n,) fold of each row.
            count: How many folds there are.

        Returns:
            The sums.

        Raises:
            ProbeError: A row that cannot be read, or rows of different widths.
        """
        found: Moments | None = None
        for some in batches(len(self._rows), 8):
            positions = np.arange(some.start, some.stop)
            for row, values in zip(positions, self._read(positions), strict=True):
                self.longest = max(self.longest, len(values))
                if found is None:
                    self.width = values.shape[1]
                    found = Moments.of(count, self.width)
                if values.shape[1] != self.width:
                    raise ProbeError(
                        f"column {self._part.column!r} has vectors of {self.width} numbers in row {self._names[0]} and "
                        f"of {values.shape[1]} in row {self._names[row]}, expected one width. Extract these rows again "
                        "with the same options."
                    )
                found.add(int(folds[row]), shortened(values))
        assert found is not None
        if self.longest > MOST_POSITIONS:
            logger.warning(
                "%s has sequences of up to %d positions: longer ones than %d are averaged in %d equal runs.",
                self._part.column, self.longest, MOST_POSITIONS, MOST_POSITIONS,
            )  # fmt: skip
        return found

    def batches(self, positions: np.ndarray, standardising: Standardising) -> Iterator[tuple[np.ndarray, Batch]]:
        """Rows in the given order, a batch at a time.

        Args:
            positions: Of probed rows, not of the data set.
            standardising: Of the training part.

        Yields:
            The positions of a batch, and its sequences.
        """
        for some in batches(len(positions), self.batch_rows):
            here = positions[some]
            yield here, padded([standardising(shortened(values)) for values in self._read(here)])

    def _read(self, positions: np.ndarray) -> list[np.ndarray]:
        names = [self._names[row] for row in positions]
        return part_arrays(self._ds, self._part, self._rows[positions].tolist(), names)


@dataclass(frozen=True)
class Moments:
    """Of each fold's rows: number of positions (folds,), sums and sums of squares (folds, D) float64."""

    counts: np.ndarray
    sums: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, folds: int, width: int) -> Moments:
        return cls(np.zeros(folds), np.zeros((folds, width)), np.zeros((folds, width)))

    def add(self, fold: int, values: np.ndarray) -> None:
        """Add one row's values, (T, D)."""
        wide = values.astype(np.float64)
        self.counts[fold] += len(wide)
        self.sums[fold] += wide.sum(axis=0)
        self.squares[fold] += np.einsum("td,td->d", wide, wide)

    def without(self, fold: int) -> Standardising:
        """Mean and spread of the training part of a fold: of the rows of all others."""
        others = np.arange(len(self.counts)) != fold
        count = self.counts[others].sum()
        mean = self.sums[others].sum(axis=0) / count
        variance = self.squares[others].sum(axis=0) / count - mean**2
        return from_moments(mean, np.sqrt(np.maximum(variance, 0.0)))


def shortened(values: np.ndarray) -> np.ndarray:
    """A sequence (T, D) of at most `MOST_POSITIONS` positions: means of equal runs of positions where it is longer."""
    if len(values) <= MOST_POSITIONS:
        return values
    starts = np.arange(MOST_POSITIONS + 1) * len(values) // MOST_POSITIONS
    sums = np.add.reduceat(values.astype(np.float32), starts[:-1], axis=0)
    means: np.ndarray = sums / np.diff(starts)[:, None].astype(np.float32)
    return means


def padded(sequences: Sequence[np.ndarray]) -> Batch:
    """Sequences (T, D) of any lengths as one batch."""
    lengths = np.array([len(one) for one in sequences], np.int64)
    values = np.zeros((len(sequences), int(lengths.max()), sequences[0].shape[1]), np.float32)
    for row, one in enumerate(sequences):
        values[row, : len(one)] = one
    return Batch(values, lengths)
