"""A part of a frame, and a frame at another size, are what all of it would have been."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emollama_hf.frames import open_video
from emollama_hf.frames.frame_view import resized
from emollama_hf.frames.video.as_shown import VideoPicture
from tests import videos


def first_picture(path) -> VideoPicture:
    with open_video(path) as clip:
        return next(clip.pictures([0]))[1]


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    frames = [videos.shot(size=(322, 246))]
    return first_picture(videos.write_video(tmp_path_factory.mktemp("part") / "clip.mp4", frames))


@settings(max_examples=60)
@given(*[st.floats(-400, 700)] * 4)
def test_a_part_is_cut_from_the_whole(picture, x1, y1, x2, y2):
    area = [min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)]
    view = picture.part(area)
    assert view.holds(area)
    height, width = view.pixels.shape[:2]
    assert np.array_equal(view.pixels, picture.rgb()[view.top : view.top + height, view.left : view.left + width])
    assert (view.width, view.height) == picture.size


FORMATS = {
    "yuv420p": {}, "yuv422p": {}, "yuv444p": {}, "yuvj420p": {"codec": "mjpeg"}, "yuv420p10le": {},
    "gray": {"codec": "ffv1"}, "rgb24": {"codec": "ffv1"},
}  # fmt: skip


@pytest.mark.parametrize("pix_fmt", FORMATS)
@pytest.mark.parametrize("rotation", [None, 90, 180])
def test_every_layout_keeps_its_colours_at_half_the_size_and_in_part(tmp_path, pix_fmt, rotation):
    path = tmp_path / ("clip.mkv" if FORMATS[pix_fmt].get("codec") == "ffv1" else "clip.mp4")
    codec = FORMATS[pix_fmt].get("codec", "libx264")
    if pix_fmt == "rgb24":
        pix_fmt = "bgr0"
    videos.write_video(path, [videos.shot()] * 2, pix_fmt=pix_fmt, codec=codec, rotation=rotation)
    picture = first_picture(path)
    whole = picture.rgb()
    width, height = picture.size
    assert whole.shape == (height, width, 3)
    small = picture.resized(width // 2, height // 2)
    assert small.shape == (height // 2, width // 2, 3)
    averaged = cv2.resize(whole, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - averaged).mean() < 2
    assert np.abs(small.mean((0, 1)) - whole.mean((0, 1))).max() < 2.5
    view = picture.part([40.5, 31, 99, 121])
    y, x = 31 - view.top, 40 - view.left
    assert np.array_equal(view.pixels[y : y + 90, x : x + 59], whole[31:121, 40:99])


def test_a_part_with_an_odd_side_is_taken_from_the_whole(tmp_path):
    path = videos.write_video(tmp_path / "odd.mkv", [videos.shot(size=(321, 241))], codec="ffv1", pix_fmt="yuv420p")
    picture = first_picture(path)
    assert np.array_equal(picture.part([300, 220, 321, 241]).cut([300, 220, 321, 241])[0], picture.rgb()[220:, 300:])


@settings(max_examples=40)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 90), st.integers(1, 90))
def test_a_flat_picture_stays_flat_at_any_size(h, w, height, width):
    flat = resized(np.full((h, w, 3), (10, 120, 250), np.uint8), width, height)
    assert flat.shape == (height, width, 3)
    assert (flat == (10, 120, 250)).all()


def test_shrinking_averages():
    noise = np.random.default_rng(0).integers(0, 256, (400, 640, 3), dtype=np.uint8)
    small = resized(noise, 100, 60)
    assert small.astype(float).std() < 0.4 * noise.astype(float).std()
