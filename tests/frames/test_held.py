"""What is kept of decoded frames: within the budget, the most promising first, and never another frame's pixels."""

import numpy as np

from emollama_hf.frames.faces.face import Face
from emollama_hf.frames.frame_view import FrameView
from emollama_hf.frames.held import HeldFrames
from emollama_hf.frames.pictures.pictures import GivenPicture

ALL = (-np.inf, -np.inf, np.inf, np.inf)


def pixels(number, height=10, width=10):
    return np.full((height, width, 3), number, np.uint8)


def picture(number, height=10, width=10):
    """A picture of 300 bytes, if its size is left out, all of one value."""
    return GivenPicture(pixels(number, height, width))


def held_of(held, numbers):
    views = {number: held.view(number, ALL) for number in numbers}
    assert all((view.pixels == number).all() for number, view in views.items() if view is not None)
    return [number for number, view in views.items() if view is not None]


def test_beyond_the_budget_the_least_promising_goes_and_of_equals_the_latest():
    held = HeldFrames(budget_bytes=900)
    for number, promise in ((1, 0.5), (2, 0.9), (3, 0.5), (4, 0.7)):
        held.keep(number, picture(number), promise)
    assert held_of(held, (1, 2, 3, 4)) == [1, 2, 4]
    held.keep(5, picture(5), 0.1)
    assert held_of(held, (1, 2, 3, 4, 5)) == [1, 2, 4]


def test_exactly_the_budget_is_held():
    held = HeldFrames(budget_bytes=600)
    held.keep(1, picture(1), 1)
    held.keep(2, picture(2), 1)
    assert held_of(held, (1, 2)) == [1, 2]


def test_a_frame_that_is_kept_twice_counts_once():
    held = HeldFrames(budget_bytes=600)
    for promise in (0.2, 1, np.inf):
        held.keep(1, picture(1), promise)
    held.keep(2, picture(2), 0.5)
    assert held_of(held, (1, 2)) == [1, 2]


def test_promises_that_become_known_count_but_never_for_a_frame_that_is_needed_for_certain():
    held = HeldFrames(budget_bytes=900)
    for number, promise in ((1, np.inf), (2, 1), (3, 1)):
        held.keep(number, picture(number), promise)
    held.update({1: 0.0, 2: 0.1, 3: 0.6, 9: 1.0})
    held.keep(4, picture(4), 0.5)
    assert held_of(held, (1, 2, 3, 4)) == [1, 3, 4]


def face(x, y, side):
    box = np.array([x, y, x + side, y + side], np.float32)
    return Face(box, np.zeros((5, 2), np.float32), 0.9)


def test_of_a_frame_with_faces_their_surroundings_are_kept():
    held = HeldFrames()
    frame = np.arange(100 * 120 * 3, dtype=np.uint32).astype(np.uint8).reshape(100, 120, 3)
    held.keep_faces(7, GivenPicture(frame), frame, [face(30, 20, 10), face(60, 50, 20)])
    # 0.3 of a face's size on every side: 27..63+... of the first, to 86, 76 of the second.
    view = held.view(7, (27, 17, 86, 76))
    assert view is not None
    assert (view.left, view.top, view.width, view.height) == (27, 17, 120, 100)
    np.testing.assert_array_equal(view.pixels, frame[17:76, 27:86])
    for beyond in ((26, 17, 86, 76), (27, 16, 86, 76), (27, 17, 87, 76), (27, 17, 86, 77)):
        assert held.view(7, beyond) is None


def test_a_frame_without_a_face_or_full_of_one_is_kept_whole():
    for faces in ([], [face(0, 0, 100)]):
        held = HeldFrames()
        held.keep_faces(3, picture(3, 100, 100), pixels(3, 100, 100), faces)
        view = held.view(3, ALL)
        assert view is not None
        assert view.pixels.shape == (100, 100, 3)


def test_whole_pictures_go_before_faces_and_the_latest_faces_first():
    held = HeldFrames(budget_bytes=16 * 16 * 3 * 2)
    for number in (1, 2, 3):
        big = picture(number, 60, 60)
        held.keep_faces(number, big, big.pixels, [face(23, 23, 10)])  # 16 x 16 pixels with its surroundings
        assert held.view(number, ALL) is None
    assert [number for number in (1, 2, 3) if held.view(number, (25, 25, 30, 30))] == [1, 2]
    held.keep(4, picture(4), np.inf)
    assert held_of(held, (4,)) == []
    assert [number for number in (1, 2) if held.view(number, (25, 25, 30, 30))] == [1, 2]


def test_a_view_cuts_what_lies_in_the_frame_and_knows_where():
    frame = np.arange(8 * 6 * 3, dtype=np.uint8).reshape(8, 6, 3)
    view = FrameView.whole(frame)
    cut, place = view.cut((1.2, 2.9, 4.1, 7.0))
    assert place == (1, 2)
    np.testing.assert_array_equal(cut, frame[2:7, 1:5])
    cut, place = view.cut((-3, -3, 2, 2))
    assert place == (0, 0)
    np.testing.assert_array_equal(cut, frame[:2, :2])
    cut, place = view.cut((50, 50, 60, 60))
    assert place == (5, 7)
    np.testing.assert_array_equal(cut, frame[7:, 5:])
    part = view.part((1, 2, 4, 7))
    again, place = part.cut((2, 3, 4, 6))
    assert place == (2, 3)
    np.testing.assert_array_equal(again, frame[3:6, 2:4])
