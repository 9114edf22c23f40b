"""The sequence of training: the extraction prompt with an answer in front of its end symbol.

BOS, text, visual tokens but the last four, text, the last four, text, answer, end symbol
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Stands in labels at positions that are not trained, as torch's cross-entropy leaves out.
NOT_TRAINED = -100


@dataclass(frozen=True, eq=False)
class AnswerBatch:
    """Sequences with answers, padded on the right.

    input_ids, attention_mask, labels: (B, L) int64; labels are the ids of answer and end symbol at their own positions,
    `NOT_TRAINED` elsewhere.
    """

    input_ids: np.ndarray
    attention_mask: np.ndarray
    labels: np.ndarray


def answer_batch(opened: np.ndarray, answers: Sequence[Sequence[int]], pad_id: int) -> AnswerBatch:
    """One prompt with the answer of each row.

    Args:
        opened: (L,) int64 of `encode_training_prompt`.
        answers: ids of each row's answer, the end symbol last.
        pad_id: fills up shorter rows.

    Source: Emotion-LLaMA's training, where BOS and the prompt are not trained, and answer and end symbol are.
    """
    longest = len(opened) + max(map(len, answers))
    ids = np.full((len(answers), longest), pad_id, np.int64)
    mask, labels = np.zeros_like(ids), np.full_like(ids, NOT_TRAINED)
    for row, answer in enumerate(answers):
        end = len(opened) + len(answer)
        ids[row, :end] = [*opened, *answer]
        mask[row, :end] = 1
        labels[row, len(opened) : end] = answer
    return AnswerBatch(ids, mask, labels)
