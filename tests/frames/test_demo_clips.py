import time

import numpy as np

from emollama_hf.frames import open_video
from emollama_hf.frames.demo_clips import astronaut, write_demo_clips
from emollama_hf.frames.faces.detect import detect_faces
from tests.videos import all_frames


def test_two_clips_with_a_face_in_every_frame(tmp_path):
    paths = write_demo_clips(tmp_path / "demo")
    assert [p.name for p in paths] == ["demo_pan_zoom.mp4", "demo_dark_cut.mp4"]
    for path in paths:
        with open_video(path) as clip:
            assert (clip.info.width, clip.info.height, clip.info.fps) == (320, 240, 24)
            assert 2.5 <= clip.info.duration_s <= 3.5
            assert all(detect_faces(pixels) for _, pixels in clip.frames(range(0, clip.info.frame_count, 9)))


def test_they_are_the_same_every_time_and_quickly_made(tmp_path):
    start = time.process_time()
    first, second = (write_demo_clips(tmp_path / name) for name in ("a", "b"))
    assert time.process_time() - start < 4
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(all_frames(a), all_frames(b))


def test_the_portrait():
    assert astronaut().shape == (236, 236, 3)
