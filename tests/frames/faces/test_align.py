import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.frames.faces.align import (
    TEMPLATE,
    aligned_area,
    aligned_crop,
    box_area,
    box_crop,
    centre_crop,
    face_mask,
    similarity,
)
from emollama_hf.frames.faces.detect import detect_faces
from emollama_hf.frames.frame_view import FrameView
from tests import videos

whole = FrameView.whole


@given(angle=st.floats(-180, 180), scale=st.floats(0.05, 20), x=st.floats(-500, 500), y=st.floats(-500, 500))
def test_a_similarity_is_found_again(angle, scale, x, y):
    turn = scale * np.exp(1j * np.radians(angle))
    matrix = np.array([[turn.real, -turn.imag, x], [turn.imag, turn.real, y]])
    moved = TEMPLATE @ matrix[:, :2].T + matrix[:, 2]
    assert similarity(TEMPLATE, moved) == pytest.approx(matrix, abs=1e-6 * max(1, scale))


def test_a_face_that_lies_where_openface_puts_it_is_left_as_it_is():
    """Eyes at 33 29 and 79 29, corners of the mouth at 36 76 and 76 76, in a picture of 112 pixels."""
    frame = np.random.default_rng(0).integers(0, 256, (112, 112, 3), np.uint8)
    landmarks = np.array([[33, 29], [79, 29], [56, 50], [36, 76], [76, 76]], np.float32)
    np.testing.assert_array_equal(aligned_crop(whole(frame), landmarks, 112, mask=False), frame)
    masked = aligned_crop(whole(frame), landmarks, 112, mask=True)
    np.testing.assert_array_equal(masked, frame * face_mask()[..., None])


def test_a_large_face_is_averaged_down_without_moving():
    """Brightness rises from left to right in one colour and from top to bottom in another, ten pixels a crop pixel."""
    ramp = np.clip((np.arange(1120) - 400) * 255 / 320, 0, 255)
    frame = np.stack(np.broadcast_arrays(ramp[None], ramp[:, None], 0), -1).round().astype(np.uint8)
    landmarks = np.array([[33, 29], [79, 29], [56, 50], [36, 76], [76, 76]], np.float32) * 10
    crop = aligned_crop(whole(frame), landmarks, 112, mask=False)
    inner = np.arange(43, 69)
    np.testing.assert_allclose(crop[60, inner, 0], ramp[10 * inner], atol=1)
    np.testing.assert_allclose(crop[inner, 60, 1], ramp[10 * inner], atol=1)


@pytest.mark.parametrize(("times", "noise"), [(4, 40), (10, 20)])
def test_details_that_a_crop_cannot_show_are_averaged(times, noise):
    frame = np.random.default_rng(0).integers(0, 256, (112 * times, 112 * times, 3), np.uint8)
    landmarks = np.array([[33, 29], [79, 29], [56, 50], [36, 76], [76, 76]], np.float32) * times
    assert aligned_crop(whole(frame), landmarks, 112, mask=False).std() < noise < frame.std()


@pytest.mark.parametrize("times", [1.0, 5.3, 10.0])
def test_no_black_edge_comes_from_what_was_read_of_the_frame(times):
    frame = np.full((1500, 1500, 3), 255, np.uint8)
    landmarks = np.array([[33, 29], [79, 29], [56, 50], [36, 76], [76, 76]], np.float32) * times + [37, 53]
    assert aligned_crop(whole(frame), landmarks.astype(np.float32), 112, mask=False).min() == 255


def test_a_box_is_shown_with_a_tenth_of_its_longer_side_around_it():
    assert box_area(np.array([80, 90, 120, 110], np.float32)).tolist() == [76, 76, 124, 124]
    assert box_area(np.array([10, 10, 10.5, 10.5], np.float32)).tolist() == [9, 9, 11, 11]


def test_a_face_that_lies_on_its_side_is_read_too():
    x, y = TEMPLATE.T
    turned = np.insert(np.stack([200 - y, x], 1), 2, [150, 56], axis=0).astype(np.float32)  # by 90 degrees exactly
    left, top, right, bottom = aligned_area(turned)
    assert left <= 88 <= 200 <= right
    assert top <= 0 <= 112 <= bottom


def test_points_that_coincide_do_not_break_it():
    assert np.isfinite(similarity(np.zeros((4, 2)), TEMPLATE)).all()


@pytest.mark.parametrize("degrees", [-15, 0, 15])
@pytest.mark.parametrize("height", [240, 960])
def test_eyes_and_mouth_of_a_crop_lie_where_openface_has_them(degrees, height):
    frame = turned(videos.shot(x=110, y=70, width=150, size=(height * 4 // 3, height)), degrees)
    (face,) = detect_faces(frame)
    crop = aligned_crop(whole(frame), face.landmarks, 448, mask=False)
    canvas = np.zeros((900, 900, 3), np.uint8)
    canvas[226:674, 226:674] = crop
    (again,) = detect_faces(canvas)
    found = (again.landmarks[[0, 1, 3, 4]] - 226) / 4
    assert np.abs(found - TEMPLATE).max() < 6
    assert np.abs(found - TEMPLATE).mean() < 3


def turned(frame, degrees):
    import cv2

    centre = frame.shape[1] / 2, frame.shape[0] / 2
    return cv2.warpAffine(frame, cv2.getRotationMatrix2D(centre, degrees, 1), frame.shape[1::-1])


def test_the_mask_is_black_outside_the_face_and_changes_nothing_inside():
    frame = videos.shot()
    landmarks = detect_faces(frame)[0].landmarks
    masked, bare = (aligned_crop(whole(frame), landmarks, 112, mask=m) for m in (True, False))
    mask = face_mask().astype(bool)
    assert not masked[~mask].any()
    assert np.array_equal(masked[mask], bare[mask])


def test_the_outline_of_the_mask():
    mask = face_mask()
    assert mask[:47, 5:108].all()
    assert not mask[:47, :5].any()
    assert not mask[:47, 108:].any()
    assert mask[110, 56]
    assert not mask[111].any()
    assert not mask[90, 10]
    assert 0.6 < mask.mean() < 0.8


def test_a_crop_reaching_beyond_the_frame_is_black_there():
    frame = np.full((100, 100, 3), 200, np.uint8)
    box = np.array([60, 10, 120, 70], np.float32)
    crop = box_crop(whole(frame), box, 60)
    assert (crop[:, :35] == 200).all()
    assert not crop[:, 40:].any()


def test_a_box_crop_keeps_the_aspect_ratio():
    frame = videos.shot()
    face = detect_faces(frame)[0]
    area = box_area(face.box)
    assert area[2] - area[0] == area[3] - area[1]
    assert (area[:2] <= face.box[:2]).all()
    assert (area[2:] >= face.box[2:]).all()


@pytest.mark.parametrize("height", [240, 1440])
def test_a_kept_part_of_a_frame_gives_the_crop_of_the_whole(height):
    frame = videos.shot(width=120, size=(height * 4 // 3, height))
    face = detect_faces(frame)[0]
    for area, crop in [
        (aligned_area(face.landmarks), lambda v: aligned_crop(v, face.landmarks, 224, mask=True)),
        (box_area(face.box), lambda v: box_crop(v, face.box, 224)),
    ]:
        part = whole(frame).part(area)
        assert part.pixels.size < frame.size
        assert part.holds(area)
        assert not part.holds(area + np.array([0, 0, 9, 0]))
        assert np.array_equal(crop(part), crop(whole(frame)))


@pytest.mark.parametrize("size", [(320, 240), (240, 320)])
def test_the_centre_crop_is_the_middle_square(size):
    frame = videos.shot(size=size)
    height, width = frame.shape[:2]
    top, left = (height - 240) // 2, (width - 240) // 2
    assert np.array_equal(centre_crop(whole(frame), 240), frame[top : top + 240, left : left + 240])


def test_faces_far_outside_the_frame_do_not_break_it():
    far = np.array([[900, 900], [920, 900], [910, 910], [902, 920], [918, 920]], np.float32)
    assert not aligned_crop(whole(videos.shot()), far, 64, mask=True).any()
    assert not box_crop(whole(videos.shot()), np.array([900, 900, 950, 950], np.float32), 64)[1:, 1:].any()
