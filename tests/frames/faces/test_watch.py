"""Following faces finds the same people as searching every frame, for less, and never for more."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from emollama_hf.frames.faces.continuation import box_overlaps
from emollama_hf.frames.faces.detect import all_faces, detect_faces, faces_in, window_of
from emollama_hf.frames.faces.face_network import opencv_network, searching_with
from emollama_hf.frames.faces.following import _places_of
from emollama_hf.frames.faces.tracks import chosen_tracks, likely_faces
from emollama_hf.frames.faces.watch import FaceWatch
from emollama_hf.frames.faces.watched_frame import WatchedFrame
from emollama_hf.frames.pictures.pictures import GivenPicture
from emollama_hf.frames.working_picture import WorkingPicture
from tests import videos
from tests.crowds import Person, Scene, standing, swaying

Frames = list[np.ndarray]


def ahead_of(pictures: Frames) -> int:
    """Pixels that may be searched beside all of every frame: of a try that fails, and of a tilted face in it."""
    working = WorkingPicture.of_pixels(pictures[0])
    return int(0.65 * working.size[0] * working.size[1]) + 256**2


class CountingNetwork:
    """OpenCV's network, which notes how many pixels it searches."""

    def __init__(self) -> None:
        self.pixels = 0

    def rows(self, bgr: np.ndarray) -> np.ndarray:
        self.pixels += bgr.shape[0] * bgr.shape[1]
        return opencv_network().rows(bgr)


def watched(pictures: Frames, fps: float, every: int = 3, crops: range | None = None) -> tuple[list[WatchedFrame], int]:
    """All frames with their faces, every third of which needs a detection; and the pixels that were searched.

    crops: the frames that are cropped, all if not said.
    """
    detections = range(0, len(pictures), every)
    watch, network = FaceWatch(detections, crops or range(len(pictures))), CountingNetwork()
    found: list[WatchedFrame] = []
    with searching_with(network):
        for number, pixels in enumerate(pictures):
            found += watch.add(number, number / fps, GivenPicture(pixels))
        found += watch.finish()
    assert [frame.number for frame in found] == list(range(len(pictures)))
    return found, network.pixels


def searched(pictures: Frames) -> tuple[list[list], int]:
    """The faces of every frame by searching all of it, and the pixels for that."""
    network = CountingNetwork()
    with searching_with(network):
        return [detect_faces(pixels) for pixels in pictures], network.pixels


def overlap(one, other) -> float:
    return float(box_overlaps(one.box[None], other.box[None])[0, 0])


def flicker(pictures: Frames, every: int) -> Frames:
    """Cuts: another picture, mirrored, in other colours and closer, after every so many frames."""
    return [
        np.ascontiguousarray(p if i // every % 2 == 0 else p[::-1, ::-1, ::-1][: p.shape[0] // 2].repeat(2, 0))
        for i, p in enumerate(pictures)
    ]


def crowd(count: int) -> Iterator[np.ndarray]:
    """200 faces on a wall of 20 x 10."""
    canvas = np.full((720, 1280, 3), 90, np.uint8)
    for row in range(10):
        for column in range(20):
            canvas = videos.place_face(canvas, (32 + 64 * column, 36 + 72 * row), 62)
    for i in range(count):
        yield np.roll(canvas, i, axis=1)


def one_frame_with_a_face(count: int) -> Frames:
    pictures = list(videos.no_face(count))
    pictures[count // 2] = videos.shot()
    return pictures


def scene(*people: Person, seconds: float = 1.5, fps: float = 24) -> Frames:
    return list(Scene(list(people), seconds).frames(fps))


BAD = {
    "no face in any frame": lambda: (list(videos.no_face(24)), 24),
    "a face in one frame only": lambda: (one_frame_with_a_face(24), 24),
    "a face that fills the picture": lambda: ([videos.shot(x=103, y=56, width=66)] * 24, 24),
    "200 faces": lambda: (list(crowd(6)), 24),
    "a cut every third frame": lambda: (flicker(list(videos.pan(24)), 3), 24),
    "5 frames a second": lambda: (scene(swaying(0, 240, 60, 0.5), seconds=4, fps=5), 5),
    "240 frames a second": lambda: (scene(swaying(0, 240, 60, 0.5), seconds=0.25, fps=240), 240),
    "two frames": lambda: (list(videos.pan(2)), 24),
    "one frame": lambda: (list(videos.pan(1)), 24),
    "a window that leaves the picture": lambda: (scene(Person(0, lambda t: (240 - 200 * t, 130.0, 80.0))), 24),
    "darkness": lambda: (list(videos.darken(videos.pan(24), to=0.05)), 24),
}


@pytest.mark.parametrize("kind", BAD)
def test_never_more_is_searched_than_all_and_no_face_is_lost(kind):
    pictures, fps = BAD[kind]()
    found, pixels = watched(pictures, fps)
    expected, everything = searched(pictures)
    assert pixels <= everything + ahead_of(pictures)
    for frame in found[::3]:
        truth = expected[frame.number]
        for face in likely_faces(frame.seen()):
            assert max((overlap(face, one) for one in truth), default=0) > 0.7, "a face that is none"
        assert bool(frame.faces) == bool(truth), f"frame {frame.number}"


@pytest.mark.parametrize(
    "still", [True, False], ids=["a head that is still", "a head that moves"]
)  # fmt: skip
def test_a_third_of_the_pixels_is_enough_for_one_person(still):
    pictures = scene(swaying(0, 240, 2 if still else 60, 0.4), seconds=4)
    found, pixels = watched(pictures, 24)
    _, everything = searched(pictures)
    assert pixels < (0.15 if still else 0.3) * everything
    assert all(frame.faces for frame in found)


def test_ratings_far_from_crops_take_fewer_pixels_and_those_beside_them_are_looked_at():
    pictures = scene(swaying(0, 240, 60, 0.4), seconds=2)
    _, all_cropped = watched(pictures, 24, every=12)
    crops = range(0, len(pictures), 12)
    found, pixels = watched(pictures, 24, every=12, crops=crops)
    assert pixels < 0.85 * all_cropped
    expected, _ = searched(pictures)
    for frame in found:
        (face,), (truth,) = frame.seen().faces, expected[frame.number]
        assert overlap(face, truth) > 0.7
        if min(abs(frame.number - crop) for crop in crops) <= 2:
            assert not face.is_guess, "a crop is smoothed with it"


def test_what_needs_a_detection_is_never_a_guess():
    found, _ = watched(scene(swaying(0, 240, 2, 0.4), seconds=3), 24)
    assert all(frame.looked and not face.is_guess for frame in found[::3] for face in frame.faces)
    assert any(face.is_guess for frame in found for face in frame.faces)


def test_a_guess_is_between_its_neighbours():
    pictures = scene(swaying(0, 240, 2, 0.4), seconds=3)
    found, _ = watched(pictures, 24)
    expected, _ = searched(pictures)
    for frame in found:
        (face,) = frame.seen().faces
        (truth,) = expected[frame.number]
        assert np.abs(face.landmarks - truth.landmarks).max() < 0.08 * truth.size


def test_one_face_in_the_place_of_two_people_is_that_of_the_nearer():
    (face,) = detect_faces(videos.shot())
    near, far = replace(face, box=face.box + 2), replace(face, box=face.box + 9)
    for people, theirs in (([near, far], [face, None]), ([far, None, near], [None, None, face])):
        places = _places_of([face], people, limit=1.5)
        assert all(one is other for one, other in zip(places, theirs, strict=True))


def test_people_who_pass_each_other_are_nowhere_the_same_face():
    """One hides the other for a moment."""
    nearer = Person(0, lambda t: (330 - 160 * t, 130.0, 90.0))
    further = Person(1, lambda t: (130 + 160 * t, 130.0, 80.0))
    for every in (1, 2, 3, 5):
        found, _ = watched(scene(further, nearer, seconds=1.5), 24, every=every)
        for frame in found:
            boxes = [face.box for face in frame.faces]
            overlaps = box_overlaps(np.stack(boxes), np.stack(boxes)) - np.eye(len(boxes))
            assert overlaps.max() < 0.7, f"frame {frame.number}"


def test_a_face_that_leaves_and_comes_back_is_found_in_the_frames_that_show_it():
    away = Person(0, lambda t: None if 0.8 < t < 1.7 else (240.0, 130.0, 80.0))
    found, _ = watched(scene(away, seconds=2.5), 24)
    shown = [frame.number for frame in found if frame.faces]
    assert shown == [n for n in range(len(found)) if not 0.8 < n / 24 < 1.7]


def test_somebody_who_turns_up_within_a_block_is_followed_from_there():
    here, comes = standing(0, 120), Person(1, lambda t: (360.0, 130.0, 110.0) if t > 0.5 else None)
    found, _ = watched(scene(here, comes, seconds=2), 24)
    counts = [len(frame.faces) for frame in found]
    assert counts[::3] == [1 if n / 24 <= 0.5 else 2 for n in range(0, len(found), 3)]


people = st.lists(
    st.tuples(st.integers(0, 3), st.floats(60, 420), st.floats(0, 120), st.floats(0.1, 0.8), st.floats(45, 140)),
    min_size=1, max_size=2, unique_by=lambda one: one[0],
)  # fmt: skip


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example([(0, 249.0, 80.0, 0.25, 45.0), (1, 355.0, 63.0, 0.5, 45.0)], 12)
@example([(0, 249.0, 80.0, 0.25, 45.0), (1, 353.0, 63.0, 0.5, 45.0)], 12)
@given(people, st.sampled_from([5, 12, 25]))
def test_the_frames_that_count_show_what_searching_them_shows(drawn, fps):
    pictures = scene(*(swaying(look, x, reach, hertz, height=h) for look, x, reach, hertz, h in drawn), fps=fps)
    found, pixels = watched(pictures, fps)
    expected, everything = searched(pictures)
    assert pixels <= everything + ahead_of(pictures)
    for frame in found[::3]:
        truth = expected[frame.number]
        assert bool(frame.faces) == bool(truth)
        for face in likely_faces(frame.seen()):
            # Heads that touch are seen otherwise from near: a box may then be of both.
            assert max(overlap(face, one) for one in truth) > (0.7 if len(drawn) == 1 else 0.3)
    if len(drawn) == 1 and all(expected):
        needed = {frame.number for frame in found[::3]}
        assert all(needed <= set(track.faces) for track in chosen_tracks([frame.seen() for frame in found]).values())


def test_a_window_begins_where_the_network_steps_and_lies_in_the_picture():
    working = WorkingPicture.of_pixels(videos.shot(size=(640, 363)))
    for box in ([-50, -20, 40, 60], [600, 340, 700, 400], [100, 100, 101, 101], [0, 0, 640, 363]):
        x1, y1, x2, y2 = window_of(working, np.array(box, float)).tolist()
        assert x1 % 32 == y1 % 32 == 0
        assert 0 <= x1 < x2 <= 640
        assert 0 <= y1 < y2 <= 363
        assert x2 % 32 == 0 or x2 == 640
        assert y2 % 32 == 0 or y2 == 363


@settings(max_examples=30, deadline=None)
@given(st.floats(60, 140), st.floats(60, 110), st.floats(130, 260), st.floats(0.5, 1.1))
def test_a_window_shows_a_face_as_the_whole_picture_does(x, y, width, light):
    pixels = np.clip(videos.shot(x, y, width, size=(640, 480)) * light, 0, 255).astype(np.uint8)
    working = WorkingPicture.of_pixels(pixels)
    for face in all_faces(working)[:1]:
        reach = 0.75 * face.size + 16
        inner = np.concatenate([face.centre - reach, face.centre + reach])
        found, _ = faces_in(working, inner)
        if not found:
            # 0.79 where the edge cuts it, in half the light.
            assert face.score < 0.8, "a face that is hardly one in the whole picture"
            continue
        best = max(found, key=lambda one: overlap(one, face))
        assert overlap(best, face) > 0.85
        assert np.abs(best.landmarks - face.landmarks).mean() < 0.05 * face.size
