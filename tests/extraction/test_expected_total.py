"""From a few clips to all of them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.extraction.expected_total import Range, of_the_others
from emollama_hf.extraction.sample_choice import choose_parts

VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=40)


@given(VALUES, st.integers(1, 40))
def test_what_is_expected_lies_in_the_range(values: list[float], count: int) -> None:
    parts = choose_parts(range(len(values)), [int(value) + 1 for value in values], count)
    found = of_the_others([values[part.row] for part in parts], parts)
    assert 0 <= found.low <= found.expected <= found.high


@given(st.integers(2, 200), st.integers(2, 20), st.floats(0.01, 100))
def test_equal_clips_are_counted(clips: int, count: int, seconds: float) -> None:
    parts = choose_parts(range(clips), [5] * clips, count)
    found = of_the_others([seconds] * len(parts), parts)
    expected = pytest.approx(seconds * max(0, clips - count))
    assert found.low == expected
    assert found.expected == expected
    assert found.high == expected


def test_one_clip_may_be_half_or_twice_of_what_others_are() -> None:
    parts = choose_parts(range(11), [None] * 11, 1)
    assert of_the_others([3.0], parts) == Range(15.0, 30.0, 60.0)


def test_nothing_is_left_of_a_sample_of_all() -> None:
    assert of_the_others([1.0, 9.0], choose_parts(range(2), [1, 2], 2)) == Range()


def test_the_range_holds_most_sums_of_lengths_that_differ() -> None:
    """Of 200 corpora whose clips last from a second to minutes, and cost what they last give or take a half."""
    draw = random.Random(3)
    held = 0
    for _ in range(200):
        sizes = [int(10_000 * draw.lognormvariate(1, 1)) for _ in range(150)]
        seconds = [size / 20_000 * draw.uniform(0.5, 1.5) for size in sizes]
        parts = choose_parts(range(150), sizes, 8)
        chosen = [part.row for part in parts]
        found = of_the_others([seconds[row] for row in chosen], parts)
        rest = sum(seconds) - sum(seconds[row] for row in chosen)
        held += found.low <= rest <= found.high
    assert held >= 170


def test_the_first_clips_would_say_something_else() -> None:
    """In a folder whose short clips come first; sizes are known and cost is in proportion."""
    seconds = [1.0] * 80 + [10.0] * 20
    parts = choose_parts(range(100), [int(value * 1000) for value in seconds], 10)
    found = of_the_others([seconds[part.row] for part in parts], parts)
    assert found.expected == pytest.approx(sum(seconds) - sum(seconds[part.row] for part in parts))


def test_workers_share_and_what_goes_on_side_by_side_takes_the_longest() -> None:
    work = Range(8.0, 12.0, 16.0)
    assert work.shared(1, 2, 4) == Range(2.0, 6.0, 16.0)
    assert Range.largest([work, Range.of(10.0)]) == Range(10.0, 12.0, 16.0)
    assert Range.largest([]) == Range()
    assert work + Range.of(1.0) == Range(9.0, 13.0, 17.0)
