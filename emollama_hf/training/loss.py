"""The loss of answers: weighted cross-entropy, divided as published or as it was meant."""

from __future__ import annotations

import torch
from torch.nn import functional


def answer_loss(
    scores: torch.Tensor, ids: torch.Tensor, rows: torch.Tensor, weights: torch.Tensor, *, divides_by_weights: bool
) -> torch.Tensor:
    """The loss of a batch.

    Args:
        scores: (n, vocabulary), what scores each piece of the answers.
        ids: (n,) int64, the pieces.
        rows: (n,) int64, the row of each piece.
        weights: (B,) float32, of each row.
        divides_by_weights: as published, sum of w x cross-entropy over sum of w, over all pieces: the weight of a
            batch's only class cancels. Else the sum of w x cross-entropy over the number of rows, so that weights
            count in any batch, and an answer counts as its log-probability.

    Returns:
        () float32.

    Source: Emotion-LLaMA-4MW, modeling_llama.py.
    """
    entropy = functional.cross_entropy(scores.float(), ids, reduction="none")
    of_pieces = weights[rows]
    total = (of_pieces * entropy).sum()
    return total / of_pieces.sum() if divides_by_weights else total / len(weights)
