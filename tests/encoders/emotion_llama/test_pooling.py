"""What each pooling keeps of the hidden states."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.encoders.emotion_llama.pooling import POOLINGS, canonical_pooling, pool, pooled_shape

SPANS = {
    "bos": (0, 1),
    "segment_0": (1, 3),
    "image_slot": (3, 6),
    "segment_1": (6, 8),
    "feature_slot": (8, 12),
    "segment_2": (12, 15),
    "answer": (15, 16),
}
# State of a position: its number in the first place, 100 in the others.
STATES = torch.full((2, 16, 5), 100.0).index_put((torch.tensor(1),), torch.tensor(200.0))
STATES[:, :, 0] = torch.arange(16.0)


@pytest.mark.parametrize(
    ("pooling", "mean_position"),
    [
        ("mean", 7.5),
        ("last", 15),
        ("image_mean", 4),
        ("features_mean", 9.5),
        ("text_mean", (1 + 2 + 6 + 7 + 12 + 13 + 14) / 7),
    ],
)
def test_one_vector(pooling: str, mean_position: float) -> None:
    pooled = pool(STATES, pooling, SPANS)
    assert pooled.shape == (2, *pooled_shape(pooling, SPANS, 5)) == (2, 5)
    assert pooled[0].tolist() == pytest.approx([mean_position, 100, 100, 100, 100])
    assert pooled[1, 1] == 200


@pytest.mark.parametrize("pooling", ["6:10", slice(6, 10)])
def test_range_of_positions(pooling: str | slice) -> None:
    pooled = pool(STATES, pooling, SPANS)
    assert pooled.shape == (2, *pooled_shape(pooling, SPANS, 5)) == (2, 4, 5)
    assert pooled[0, :, 0].tolist() == [6, 7, 8, 9]


def test_everything_but_padding() -> None:
    padded = torch.cat([STATES, torch.full((2, 3, 5), torch.nan)], dim=1)
    assert pooled_shape("all", SPANS, 5) == (16, 5)
    for pooling in (*POOLINGS, "0:16"):
        assert torch.equal(pool(padded, pooling, SPANS), pool(STATES, pooling, SPANS))


def test_means_are_taken_in_float32() -> None:
    states = torch.full((1, 16, 1), 60000.0, dtype=torch.float16)
    for pooling in POOLINGS:
        pooled = pool(states, pooling, SPANS)
        assert pooled.dtype == torch.float32
        assert (pooled == states[0, 0, 0].float()).all()


@given(st.integers(0, 1000), st.integers(1, 1000))
def test_ranges_have_one_spelling(start: int, count: int) -> None:
    stop = start + count
    spelled = canonical_pooling(slice(start, stop))
    assert spelled == canonical_pooling(f" {start} : {stop}") == canonical_pooling(spelled)
    assert spelled == f"{start}:{stop}"


@pytest.mark.parametrize(
    "bad",
    ["max", "", "10:6", "6:6", "-4:-1", ":", "6:", slice(6, 10, 2), slice(None, 4), slice(-4, None), 5, None],
)
def test_invalid_poolings_list_the_valid_ones(bad: object) -> None:
    with pytest.raises(ValueError, match=r"'all', 'mean', 'last', .*'6:10'"):
        canonical_pooling(bad)  # type: ignore[arg-type]


def test_range_past_the_end_is_refused() -> None:
    for function in (lambda p: pooled_shape(p, SPANS, 5), lambda p: pool(STATES, p, SPANS)):
        with pytest.raises(ValueError, match="16 positions"):
            function("10:17")
    with pytest.raises(ValueError, match="hidden states of 15 positions"):
        pool(STATES[:, :15], "mean", SPANS)
