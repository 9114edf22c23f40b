"""Clips of a training, one by one and in batches: stored image tokens, feature vectors, the prompt and the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch.utils.data import Dataset as TorchDataset

from emollama_hf import schema
from emollama_hf.encoders.emotion_llama.answer_sequence import answer_batch
from emollama_hf.stages.decoder_stage import LAYOUTS

#: Column of EVA's tokens.
IMAGE_TOKENS = "image_tokens"


@dataclass(frozen=True, eq=False)
class Clip:
    """One clip.

    tokens: (1 + patches, width) float16 or float32.  features: (2, D) or (3, D) float32.  label: number of its class.
    """

    tokens: torch.Tensor
    features: torch.Tensor
    label: int


class Clips(TorchDataset[Clip]):
    """Some rows of a data set, read from its mapped file when they are asked for.

    Args:
        ds: with the columns image_tokens, facemae, videomae, and hubert in the layout upstream.
        positions: (n,) of the rows in `ds`.
        labels: (rows of ds,) class numbers.
        layout: "fork" or "upstream".
    """

    def __init__(self, ds: Dataset, positions: np.ndarray, labels: np.ndarray, *, layout: str) -> None:
        self._vectors = LAYOUTS[layout]
        present = [name for name in (IMAGE_TOKENS, *self._vectors) if name in ds.column_names]
        self._ds = ds.select_columns(present).with_format("numpy")
        self._positions, self._labels = positions, labels

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, index: int) -> Clip:
        position = int(self._positions[index])
        row: Mapping[str, Any] = self._ds[position]
        vectors = [row.get(name) for name in self._vectors]
        width = len(vectors[0])  # type: ignore[arg-type]
        # As upstream does for clips without sound.
        stacked = np.stack([np.zeros(width, np.float32) if one is None else one for one in vectors])
        return Clip(
            torch.from_numpy(np.ascontiguousarray(row[IMAGE_TOKENS])),
            torch.from_numpy(stacked.astype(np.float32)),
            int(self._labels[position]),
        )


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


def has_sound(ds: Dataset) -> bool:
    """Whether the rows have vectors of HuBERT."""
    return schema.HUBERT in ds.column_names
