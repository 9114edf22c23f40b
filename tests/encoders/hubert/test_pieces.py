"""Pieces of a long sound: every frame once, each with enough around it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.encoders.hubert.pieces import Piece, pieces

SIZES = {"hop": 320, "receptive_field": 400}


@given(samples=st.integers(400, 400_000), most=st.integers(1, 90))
def test_every_frame_is_kept_once_and_in_order(samples: int, most: int) -> None:
    found = pieces(samples, most_frames=most, **SIZES)
    kept = [piece.begin // 320 + frame for piece in found for frame in range(piece.first, piece.last)]
    assert kept == list(range((samples - 400) // 320 + 1))
    assert all(0 <= piece.begin < piece.end <= samples for piece in found)
    assert len({piece.end - piece.begin for piece in found}) == 1


@given(samples=st.integers(400, 400_000), most=st.integers(6, 90))
def test_a_kept_frame_is_a_sixth_of_a_piece_away_from_a_cut(samples: int, most: int) -> None:
    for piece in pieces(samples, most_frames=most, **SIZES):
        length = (piece.end - piece.begin - 400) // 320 + 1
        assert piece.begin == 0 or piece.first >= most // 6
        assert piece.end > samples - 320 or length - piece.last >= most // 6


def test_a_short_sound_stays_whole_with_its_last_samples() -> None:
    assert pieces(16_123, most_frames=1500, **SIZES) == [Piece(0, 16_123, 0, 50)]


def test_less_than_a_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter than a frame"):
        pieces(399, most_frames=10, **SIZES)
