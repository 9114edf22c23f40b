"""Expressions are rated of the face that a frame is about, and once each."""

import cv2
import numpy as np
import pytest

from emollama_hf.frames.faces.detect import detect_faces
from emollama_hf.frames.faces.tracks import SeenFrame, Track, chosen_tracks
from emollama_hf.frames.peak.expression import BATCH, expressiveness, face_patch, sharpness, whole_patch
from emollama_hf.frames.peak.peak import Candidate, most_expressive, peak_scores
from emollama_hf.frames.peak.rating import ExpressionRating
from tests import videos


@pytest.fixture(scope="module")
def two_faces():
    """A frame with a small face, which is named first, and a large one; and the frame's pixels."""
    canvas = np.full((240, 320, 3), 90, np.uint8)
    pixels = videos.place_face(videos.place_face(canvas, (60, 60), 60), (220, 120), 160)
    faces = sorted(detect_faces(pixels), key=lambda face: face.size)
    assert len(faces) == 2
    return faces, pixels


def seen(number, faces, shot=0):
    return SeenFrame(number, number / 25, shot, 320, 240, list(faces))


def patch_in(pixels):
    return lambda face: face_patch(pixels, face.box)


def rating_of(pixels, face):
    return float(expressiveness(face_patch(pixels, face.box)[None])[0])


def test_the_likeliest_face_is_rated_before_the_tracks_are_known(two_faces):
    faces, pixels = two_faces
    rating = ExpressionRating()
    for number in range(BATCH):
        assert rating.promises() == {}
        rating.look(seen(number, faces), patch_in(pixels))
    promises = rating.promises()
    assert list(promises) == list(range(BATCH))
    assert list(promises.values()) == pytest.approx([rating_of(pixels, faces[1])] * BATCH, abs=1e-6)
    assert rating.promises() == {}, "told once"


def test_the_face_of_the_chosen_track_is_the_candidate(two_faces):
    faces, pixels = two_faces
    rating = ExpressionRating()
    frames = [seen(0, faces), seen(1, faces[:1]), seen(2, [])]
    for frame in frames:
        rating.look(frame, patch_in(pixels))
    small = Track(0, {0: faces[0], 1: faces[0]})
    candidates = rating.candidates(frames, {0: small})
    assert [candidate.number for candidate in candidates] == [0, 1]
    assert [candidate.expressiveness for candidate in candidates] == pytest.approx(
        [rating_of(pixels, faces[0])] * 2, abs=1e-6
    )
    assert [candidate.detection_score for candidate in candidates] == [faces[0].score] * 2
    assert candidates[0].sharpness == sharpness(face_patch(pixels, faces[0].box))
    (large,) = rating.candidates(frames, {0: Track(0, {0: faces[1]})})
    assert large.number == 0
    assert large.expressiveness == pytest.approx(rating_of(pixels, faces[1]), abs=1e-6)
    assert rating.candidates(frames, {}) == []
    assert rating.candidates([seen(9, faces)], chosen_tracks([seen(9, faces)])) == [], "nobody noted its pixels"


def test_a_picture_that_is_a_face_is_its_own_candidate():
    rating = ExpressionRating()
    pixels = videos.shot()
    rating.look_whole(seen(3, [], shot=2), whole_patch(pixels))
    (candidate,) = rating.candidates([seen(3, [], shot=2)], None)
    assert (candidate.number, candidate.shot, candidate.detection_score) == (3, 2, 1.0)
    assert candidate.expressiveness == pytest.approx(float(expressiveness(whole_patch(pixels)[None])[0]), abs=1e-6)


def test_a_crowd_is_cut_off_behind_its_surest_twenty(two_faces):
    faces, pixels = two_faces
    rating = ExpressionRating()
    crowd = [faces[0]] * 20 + [faces[1]]
    rating.look(seen(0, crowd), patch_in(pixels))
    assert rating.candidates([seen(0, crowd)], {0: Track(0, {0: faces[1]})}) == []
    rating.look(seen(1, crowd[1:]), patch_in(pixels))
    assert len(rating.candidates([seen(1, crowd[1:])], {0: Track(0, {1: faces[1]})})) == 1


def test_promises_are_the_scores_that_decide_in_the_end(two_faces):
    """A frame that is blurred, or whose face is doubtful, promises less than any that counts."""
    faces, pixels = two_faces
    rating = ExpressionRating()
    blurred = cv2.GaussianBlur(pixels, (0, 0), 6)
    for number in range(BATCH):
        rating.look(seen(number * 10, [faces[1]]), patch_in(blurred if number == 3 else pixels))
    promises = rating.promises()
    assert min(promises, key=promises.__getitem__) == 30
    assert promises[30] < 0 <= promises[40]


def test_scores_of_guesses_do_not_raise_the_bar_for_detections():
    """Guesses lie between detections: counted, three quarters of equal scores would shut out a good detection."""
    detected = [Candidate(10 * i, 0, 0.5 + 0.01 * i, score, 1.0) for i, score in enumerate((0.7, 0.8, 0.9, 0.95))]
    guesses = [Candidate(100 + i, 0, 0.1, 0.94, 1.0, is_guess=True) for i in range(20)]
    assert most_expressive([*detected, *guesses]) == most_expressive(detected) == 30
    scores = peak_scores([*detected, *guesses])
    assert [bool(score >= 0) for score in scores[:4]] == [False, True, True, True]
