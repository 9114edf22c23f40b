import cv2
import numpy as np
import pytest

from emollama_hf.frames.faces.shots import colour_distance, is_cut, look_at, shot_numbers, structure_match
from tests import videos

NEAR_S, FAR_S = 0.04, 60.0


def shots_of(frames, gap_s):
    return shot_numbers([look_at(f) for f in frames], [i * gap_s for i in range(len(frames))]).tolist()


@pytest.mark.parametrize(
    "frames",
    [
        list(videos.pan(12)),
        list(videos.zoom(12)),
        list(videos.darken(videos.still(12), to=0.1)),
        list(videos.no_face(12)),
        [np.zeros((240, 320, 3), np.uint8)] * 12,
    ],
    ids=["pan", "zoom", "darken", "patches", "black"],
)
@pytest.mark.parametrize("gap_s", [0.1, FAR_S])
def test_one_shot_stays_one(frames, gap_s):
    assert shots_of(frames, gap_s) == [0] * 12


@pytest.mark.parametrize("gap_s", [NEAR_S, 0.5, FAR_S])
def test_a_cut_is_found_at_any_distance(gap_s):
    frames = [*videos.pan(6), *videos.no_face(6), *videos.darken(videos.pan(4))]
    assert shots_of(frames, gap_s) == [0] * 6 + [1] * 6 + [2] * 4


def test_a_cut_in_black_and_white_is_found_between_neighbours():
    def grey(frame):
        return np.repeat(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)

    frames = [grey(f) for f in (*videos.pan(3), *videos.no_face(3))]
    assert shots_of(frames, NEAR_S) == [0] * 3 + [1] * 3


def test_a_look_does_not_depend_on_the_exposure():
    bright, dark = look_at(videos.shot()), look_at((videos.shot() * 0.3).astype(np.uint8))
    assert structure_match(bright, dark) > 0.98
    assert colour_distance(bright, dark) < 0.1


def test_frames_far_apart_must_differ_more_than_neighbours():
    a, b = look_at(videos.shot(x=70, width=120)), look_at(videos.shot(x=150, width=120))
    assert is_cut(a, b, NEAR_S)
    assert not is_cut(a, b, FAR_S)


@pytest.mark.parametrize("size", [(16, 12), (320, 240), (1920, 1080)])
def test_frames_of_any_size(size):
    assert look_at(videos.shot(size=size)).structure.shape == (32, 32)
