"""Sizes of batches: fewer when memory is short, more when it is free again, and no swinging between the two."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emollama_hf.computing import fitting_batches
from emollama_hf.computing.fitting_batches import in_fitting_batches
from emollama_hf.computing.fitting_size import MOST_PATIENCE, PATIENCE, FittingSize


def run(size: FittingSize, room: int, asked: int, batches: int) -> tuple[list[int], int]:
    """Sizes of the batches that fitted, of calls of `asked` items each while `room` fit; and how many did not fit."""
    sizes, failures = [], 0
    while len(sizes) < batches:
        left = asked
        while left:
            count = min(left, size.of(asked))
            if count > room:
                size.failed(count)
                failures += 1
            else:
                size.fitted(count, asked)
                sizes.append(count)
                left -= count
    return sizes, failures


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 3000))
@example(16, 12, 3000)
@example(16, 8, 3000)
def test_sizes_never_swing_and_never_pass_what_was_asked(asked: int, room: int, batches: int) -> None:
    size = FittingSize()
    sizes, failures = run(size, room, asked, batches)
    assert max(sizes) <= min(asked, room)
    # Halvings to begin with; then each try that fails doubles the way to the next.
    tries = math.log2(MOST_PATIENCE / PATIENCE) + batches / MOST_PATIENCE
    assert failures <= math.ceil(math.log2(asked)) + tries + 1


@given(st.integers(2, 40), st.data())
def test_memory_that_is_free_again_is_used_again(asked: int, data: st.DataObject) -> None:
    size = FittingSize()
    run(size, data.draw(st.integers(1, asked - 1)), asked, 5)
    assert size.limit is not None
    before = size.limit
    _, failures = run(size, asked, asked, asked * asked * PATIENCE)
    assert failures == 0
    assert size.of(asked) == asked >= before


@given(st.integers(2, 40), st.integers(1, 39))
def test_each_step_up_saves_a_batch_of_each_call(asked: int, limit: int) -> None:
    size = FittingSize()
    size.failed(2 * limit)
    before = size.of(asked)
    for _ in range(PATIENCE):
        size.fitted(before, asked)
    after = size.of(asked)
    if before == asked:
        assert after == before
    else:
        assert math.ceil(asked / after) < math.ceil(asked / before)
        assert math.ceil(asked / (after - 1)) >= math.ceil(asked / before) if after > before + 1 else True


def test_a_short_batch_says_nothing_about_a_larger_one() -> None:
    size = FittingSize()
    size.failed(16)
    for _ in range(10 * PATIENCE):
        size.fitted(3, 3)
        size.fitted(8, 8)
    assert size.of(16) == 8


def test_a_failure_that_another_thread_has_seen_first_counts_once() -> None:
    size = FittingSize()
    assert size.failed(16) == 8
    assert size.failed(16) == 8
    assert size.failed(8) == 4


@given(st.lists(st.integers(1, 20), min_size=1, max_size=60))
def test_results_are_the_same_whatever_fits_when(rooms: list[int]) -> None:
    """Real calls, between which the memory changes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting_batches, "_sizes", {})
        for call, room in enumerate(rooms):
            items = list(range(call, call + 16))

            def squares(some: list[int], room: int = room) -> list[int]:
                if len(some) > room:
                    raise MemoryError
                return [one**2 for one in some]

            assert in_fitting_batches(squares, items, "squares") == [one**2 for one in items]
