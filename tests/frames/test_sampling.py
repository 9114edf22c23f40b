from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.frames import even_indices, segment_indices
from emollama_hf.frames.sampling import candidate_indices

GOLDEN = Path(__file__).parents[1] / "golden" / "outputs" / "sampling_table.npz"


def test_both_samplers_give_the_recorded_table():
    table = np.load(GOLDEN)
    for n, even, segments in zip(table["num_frames"], table["facemae_indices"], table["videomae_indices"], strict=True):
        assert np.array_equal(even_indices(int(n)), even)
        assert np.array_equal(segment_indices(int(n)), segments)


@given(n=st.integers(1, 10**7), count=st.integers(1, 100))
def test_even_indices_run_from_the_first_frame_towards_the_last(n, count):
    indices = even_indices(n, count)
    assert indices.shape == (count,)
    assert indices.dtype == np.int64
    assert indices[0] == 0
    assert count == 1 or indices[-1] == n - 1
    assert (np.diff(indices) >= 0).all()


@given(n=st.integers(1, 10**7), segments=st.integers(1, 20), duration=st.integers(1, 5))
def test_segment_indices_are_runs_inside_the_clip(n, segments, duration):
    indices = segment_indices(n, segments, duration)
    assert indices.shape == (segments * duration,)
    assert 0 <= indices.min() <= indices.max() <= n - 1
    runs = indices.reshape(segments, duration)
    assert (np.diff(runs, axis=1) <= 1).all()
    assert (np.diff(runs[:, 0]) >= 0).all()


@given(n=st.integers(1, 3000), count=st.integers(1, 100), every=st.integers(1, 9))
def test_candidates_stay_apart_and_near_even_places_and_prefer_what_is_there(n, count, every):
    looked_at, anyway = set(range(0, n, every * 7)), set(range(0, n, every))
    numbers = candidate_indices(n, count, looked_at, lambda some: np.isin(some, list(anyway)))
    even = even_indices(n, min(n, count))
    assert (np.diff(numbers) > 0).all()
    assert 0 <= numbers[0] <= numbers[-1] < n
    moved = np.abs(numbers - even)
    reach = min(3, (int(np.diff(even).min()) - 1) // 2) if len(even) > 1 else 0
    assert moved.max() <= reach
    for number, place in zip(numbers.tolist(), even.tolist(), strict=True):
        near = set(range(place - reach, place + reach + 1))
        best = looked_at & near or anyway & near or {place}
        assert number in best
        assert abs(number - place) == min(abs(one - place) for one in best)


@pytest.mark.parametrize("n", [0, -3])
def test_a_clip_without_frames_is_refused(n):
    with pytest.raises(ValueError, match="at least 1"):
        even_indices(n)
    with pytest.raises(ValueError, match="at least 1"):
        segment_indices(n)
