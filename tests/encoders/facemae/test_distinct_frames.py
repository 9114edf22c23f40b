"""Equal frames are found wherever they are, and no others are taken for equal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.encoders.facemae.distinct_frames import distinct_frames


@given(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=6), min_size=1, max_size=4), st.sampled_from([3, 8]))
def test_frames_are_those_that_hashing_their_bytes_finds(clips: list[list[int]], side: int) -> None:
    # Permutations of one another, so that all have the same sum.
    base = np.random.default_rng(1).integers(0, 256, (side, side, 3), np.uint8)
    pictures = [np.roll(base, (shift // 3 * 8, 0), (0, 1)) if side == 8 else np.roll(base, shift) for shift in range(6)]
    given_clips = [np.stack([pictures[one] for one in clip]) for clip in clips]
    expected: dict[bytes, int] = {}
    numbers = [expected.setdefault(frame.tobytes(), len(expected)) for clip in given_clips for frame in clip]
    frames, indices = distinct_frames(given_clips)
    assert indices == numbers
    assert [frame.tobytes() for frame in frames] == list(expected)


@pytest.mark.parametrize("side", [3, 8])
def test_one_changed_value_makes_another_frame(side: int) -> None:
    frame = np.zeros((side, side, 3), np.uint8)
    clip = np.stack([frame] * (1 + frame.size))
    clip.reshape(len(clip), -1)[1:][np.eye(frame.size, dtype=bool)] = 1
    frames, indices = distinct_frames([clip])
    assert len(frames) == len(clip)
    assert indices == list(range(len(clip)))


def test_frames_are_not_copied() -> None:
    clip = np.random.default_rng(2).integers(0, 256, (4, 8, 8, 3), np.uint8)
    frames, _ = distinct_frames([clip])
    assert all(np.shares_memory(frame, clip) for frame in frames)
    every_second, _ = distinct_frames([clip[:, ::2]])
    np.testing.assert_array_equal(np.stack(every_second), clip[:, ::2])
