"""The histogram of a card: what its pixels say."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image

from emollama_hf.feature_set.card.coverage_picture import (
    AXIS,
    BAR,
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    SCALE,
    TOP,
    WIDTH,
    coverage_picture,
)


def pixels(coverage: list[int]) -> np.ndarray:
    """The picture as (H, W, 3) uint8."""
    return np.asarray(PIL.Image.open(io.BytesIO(coverage_picture(coverage))).convert("RGB"))


def bar_heights(picture: np.ndarray, bars: int) -> list[int]:
    """Pixels of each bar's colour along its middle."""
    step = (WIDTH - LEFT - RIGHT) * SCALE / bars
    middles = [int(LEFT * SCALE + (bar + 0.3) * step) for bar in range(bars)]
    return [int((picture[:, middle] == BAR).all(1).sum()) for middle in middles]


def test_bars_are_as_high_as_their_clips_are_many() -> None:
    heights = bar_heights(pixels([0, 10, 20, 40]), 4)
    full = (HEIGHT - TOP - BOTTOM) * SCALE
    np.testing.assert_allclose(heights, [0, full / 4, full / 2, full], atol=SCALE + 1)


def test_a_single_clip_among_thousands_is_seen() -> None:
    assert bar_heights(pixels([100_000, 1]), 2)[1] >= 1


def test_what_it_shows_is_written_below_and_inside_the_picture() -> None:
    picture = pixels([1, 2])
    dark = (picture < 128).all(2)
    ticks_end = (HEIGHT - BOTTOM + 6 + 11 + 2) * SCALE
    label = dark[ticks_end:]
    assert label.any(1).sum() > 8 * SCALE, "a line of text"
    assert not label[-2 * SCALE :].any(), "which is not cut off"
    columns = np.flatnonzero(label.any(0))
    assert columns[0] > SCALE
    assert columns[-1] < (WIDTH - 1) * SCALE
    assert abs((columns[0] + columns[-1]) / 2 - (LEFT + WIDTH - RIGHT) * SCALE / 2) < 3 * SCALE, "below the middle"
    assert (picture == AXIS).all(2).any()
