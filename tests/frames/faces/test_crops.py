"""Which picture each sampled frame is cut from, without a decoder: faces where they were seen, else the nearest."""

import numpy as np
import pytest

from emollama_hf.frames import SampleSettings
from emollama_hf.frames.faces.crops import EVERYTHING, plan_crops, plan_whole_frames
from emollama_hf.frames.faces.tracks import chosen_tracks
from emollama_hf.frames.frame_view import FrameView
from tests.frames.faces.test_tracks import face, seen

SECOND = 1.0  # between two frames: too long to guess where a face is in between


def plan(*frames, seconds_per_frame=SECOND, **settings):
    numbers = [frame.number for frame in frames]
    return plan_crops(frames, chosen_tracks(frames), numbers, SampleSettings(size=8, **settings), seconds_per_frame)


def middle(box):
    return ((box[:2] + box[2:]) / 2).tolist()


def test_a_frame_without_the_face_shows_the_nearest_and_of_two_the_earlier():
    frames = [seen(0, face(100, 100)), seen(2), seen(4, face(110, 100)), seen(5), seen(9)]
    made = plan(*frames)
    assert made.source == {0: 0, 2: 0, 4: 4, 5: 4, 9: 4}
    assert sorted(made.cut) == [0, 4]
    np.testing.assert_array_equal(made.scores(np.arange(10)[[0, 2, 4, 5, 9]]), np.float32([0.9, 0, 0.9, 0, 0]))
    boxes = made.boxes(np.array([0, 2, 4, 5, 9]))
    assert boxes.dtype == np.float32
    assert [middle(box) for box in boxes] == [[100, 100], [100, 100], [110, 100], [110, 100], [110, 100]]


def test_a_short_gap_is_cut_from_the_frame_itself():
    made = plan(seen(0, face(100, 100)), seen(2), seen(4, face(110, 100)), seconds_per_frame=0.04)
    assert made.source == {0: 0, 2: 2, 4: 4}
    assert middle(made.box[2]) == pytest.approx([105, 100], abs=0.1)
    assert made.score[2] == 0


def test_no_picture_of_another_shot_stands_in_and_a_shot_without_a_face_shows_its_middle():
    frames = [seen(0, face(100, 100)), seen(3, shot=1), seen(4, face(50, 60), shot=2), seen(9, shot=2)]
    made = plan(*frames)
    assert made.source == {0: 0, 3: 3, 4: 4, 9: 4}
    assert made.box[3].tolist() == [40, 0, 280, 240]
    assert made.score[3] == 0


def test_without_cropping_every_frame_is_its_own_and_the_face_is_still_told():
    made = plan(seen(0, face(100, 100)), seen(2), crop="none")
    assert made.source == {0: 0, 2: 2}
    assert middle(made.box[0]) == [100, 100]
    assert made.box[2].tolist() == [0, 0, 320, 240]
    assert [made.score[number] for number in (0, 2)] == [pytest.approx(0.9), 0]
    assert all((cut.area == EVERYTHING).all() for cut in made.cut.values())


def test_pictures_that_are_faces_are_nobodys_guess():
    made = plan_whole_frames([0, 3], SampleSettings(size=8))
    assert made.source == {0: 0, 3: 3}
    assert np.isnan(made.boxes(np.array([0, 3]))).all()
    assert np.isnan(made.scores(np.array([0, 3]))).all()


@pytest.mark.parametrize("crop", ["openface", "aligned", "box"])
def test_what_a_crop_reads_of_a_frame_is_enough(crop):
    """The rest of the frame is not kept in memory."""
    pixels = np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8)
    for x, y, side in ((100, 100, 40), (20, 20, 60), (160, 120, 230), (300, 230, 50)):
        cut = plan(seen(0, face(x, y, side)), crop=crop).cut[0]
        view = FrameView.whole(pixels)
        np.testing.assert_array_equal(cut.make(view.part(cut.area)), cut.make(view))
