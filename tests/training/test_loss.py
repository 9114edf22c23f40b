"""The loss: as published its weights cancel in a batch of one class; corrected, an answer's log-probability counts."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.training.loss import answer_loss


def batch(seed: int, rows: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 4, (rows,), generator=generator)
    places = torch.repeat_interleave(torch.arange(rows), lengths)
    scores = torch.randn(len(places), 7, generator=generator)
    return scores, torch.randint(0, 7, (len(places),), generator=generator), places


@given(seed=st.integers(0, 1000), rows=st.integers(1, 5), weight=st.floats(0.1, 10))
def test_a_weight_of_one_class_cancels_as_published_and_counts_corrected(seed: int, rows: int, weight: float) -> None:
    scores, ids, places = batch(seed, rows)
    ones, same = torch.ones(rows), torch.full((rows,), weight)
    published = [answer_loss(scores, ids, places, one, divides_by_weights=True) for one in (ones, same)]
    corrected = [answer_loss(scores, ids, places, one, divides_by_weights=False) for one in (ones, same)]
    assert published[1].item() == pytest.approx(published[0].item(), rel=1e-5)
    assert corrected[1].item() == pytest.approx(weight * corrected[0].item(), rel=1e-5)


@given(seed=st.integers(0, 1000), rows=st.integers(2, 5))
def test_the_corrected_loss_of_a_batch_is_the_mean_of_its_rows(seed: int, rows: int) -> None:
    scores, ids, places = batch(seed, rows)
    weights = torch.rand(rows, generator=torch.Generator().manual_seed(seed)) + 0.1
    whole = answer_loss(scores, ids, places, weights, divides_by_weights=False)
    alone = [
        answer_loss(
            scores[places == row], ids[places == row], places[places == row] * 0, weights[row : row + 1],
            divides_by_weights=False,
        )
        for row in range(rows)
    ]  # fmt: skip
    assert whole.item() == pytest.approx(torch.stack(alone).mean().item(), rel=1e-5)
