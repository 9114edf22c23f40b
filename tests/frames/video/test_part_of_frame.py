"""A part of a frame has the pixels of the whole, whatever the decoder's layout, range, colours and size."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.frames.video.as_shown import Converters, VideoPicture

FORMATS = ("yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv420p10le", "gray", "yuva420p", "rgba")
UNSPECIFIED, BT709, FULL_RANGE = 2, 1, 2


def picture(width: int, height: int, layout: str, *, space: int = UNSPECIFIED, span: int = 0) -> VideoPicture:
    """Patches of strong colours in a layout of FFmpeg, with square pixels."""
    patches = np.random.default_rng(3).integers(0, 256, (-(-height // 3), -(-width // 5), 3), np.uint8)
    pixels = np.repeat(np.repeat(patches, 3, 0), 5, 1)[:height, :width]
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24").reformat(format=layout)
    frame.colorspace, frame.color_range = space, span
    return VideoPicture(frame, Converters(), Fraction(1))


@given(
    width=st.integers(1, 500),
    height=st.integers(1, 500),
    layout=st.just("yuv420p") | st.sampled_from(FORMATS),
    space=st.sampled_from([UNSPECIFIED, BT709]),
    span=st.sampled_from([0, FULL_RANGE]),
    corners=st.tuples(*[st.floats(-0.2, 1.2)] * 4),
)
def test_a_part_has_the_pixels_of_the_whole(
    width: int, height: int, layout: str, space: int, span: int, corners: tuple[float, ...]
) -> None:
    shown = picture(width, height, layout, space=space, span=span)
    (x1, x2), (y1, y2) = sorted(corners[:2]), sorted(corners[2:])
    area = x1 * width, y1 * height, x2 * width, y2 * height
    part, (left, top) = shown.part(area).cut(area)
    rows, columns = part.shape[:2]
    assert np.array_equal(part, shown.rgb()[top : top + rows, left : left + columns])


@pytest.mark.parametrize(("width", "height"), [(640, 363), (641, 363), (641, 364)])
def test_colours_of_odd_sizes_are_those_of_the_whole(width: int, height: int) -> None:
    shown = picture(width, height, "yuv420p")
    area = (width * 0.3, height * 0.3, width * 0.6, height * 0.6)
    part, (left, top) = shown.part(area).cut(area)
    assert np.array_equal(part, shown.rgb()[top : top + part.shape[0], left : left + part.shape[1]])
