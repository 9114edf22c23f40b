"""Clips of a training, one by one and in batches: stored image tokens, feature vectors, the prompt and the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch.utils.data import Dataset as TorchDataset

from emollama_hf.encoders.emotion_llama.answer_sequence import answer_batch


class StoredRows(Protocol):
    """What training reads of its rows."""

    @property
    def features(self) -> np.ndarray:
        """(rows, 2, D) or (rows, 3, D) float32."""

    def tokens(self, row: int) -> np.ndarray:
        """(1 + patches, width) of a row, a copy."""


@dataclass(frozen=True, eq=False)
class Clip:
    """One clip.

    tokens: (1 + patches, width) float16 or float32.  features: (2, D) or (3, D) float32.  label: number of its class.
    """

    tokens: torch.Tensor
    features: torch.Tensor
    label: int


class Clips(TorchDataset[Clip]):
    """Some rows of a training, whose image tokens are read from their file when they are asked for.

    Args:
        data: the rows, such as `TrainingData`.
        positions: (n,) of the rows.
        labels: (rows,) class numbers of all rows.
    """

    def __init__(self, data: StoredRows, positions: np.ndarray, labels: np.ndarray) -> None:
        self._data, self._positions, self._labels = data, positions, labels

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, index: int) -> Clip:
        row = int(self._positions[index])
        tokens, features = torch.from_numpy(self._data.tokens(row)), torch.from_numpy(self._data.features[row])
        return Clip(tokens, features, int(self._labels[row]))


@dataclass(frozen=True, eq=False)
class Collate:
    """Clips to the arguments of `TrainableEmotionLlama.forward`.

    Attributes:
        opened: (L,) int64, the prompt's ids that an answer follows.
        answers: the ids of each class's answer, the end symbol last.
        weights: of each class.
        pad_id: fills up shorter rows.
    """

    opened: np.ndarray
    answers: Sequence[Sequence[int]]
    weights: np.ndarray
    pad_id: int

    def __call__(self, clips: Sequence[Clip]) -> dict[str, torch.Tensor]:
        batch = answer_batch(self.opened, [self.answers[clip.label] for clip in clips], self.pad_id)
        return {
            "tokens": torch.stack([clip.tokens for clip in clips]),
            "features": torch.stack([clip.features for clip in clips]),
            "input_ids": torch.from_numpy(batch.input_ids),
            "attention_mask": torch.from_numpy(batch.attention_mask),
            "labels": torch.from_numpy(batch.labels),
            "weights": torch.tensor([self.weights[clip.label] for clip in clips], dtype=torch.float32),
        }
