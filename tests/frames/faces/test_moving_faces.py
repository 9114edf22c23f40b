"""People who move, cross and pass before a panning camera stay who they are."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emollama_hf.frames import SampleSettings, even_indices, open_pictures, sample_clip
from emollama_hf.frames.faces.appearance import OTHER, appearance_distances, face_appearance
from emollama_hf.frames.faces.assignment import cheapest_pairs
from emollama_hf.frames.faces.continuation import box_overlaps
from emollama_hf.frames.faces.detect import detect_faces
from emollama_hf.frames.faces.face import Face
from emollama_hf.frames.faces.tracks import SeenFrame, link_tracks
from tests import crowds
from tests.crowds import Scene, standing, swaying, walking, who
from tests.frames.faces.test_tracks import face

SIZE = 40.0  # of faces here, in pixels
FIRST, SECOND = np.zeros(48, np.float32), np.full(48, 0.25, np.float32)  # what two people look like


def person(x, y=100.0, looks=FIRST, size=SIZE) -> Face:
    return replace(face(x, y, size), appearance=looks)


def at(number, *faces, fps=25.0) -> SeenFrame:
    return SeenFrame(number, number / fps, 0, 640, 480, list(faces))


def identities(frames):
    """For each track the (frame number, index of the face in that frame) of its detections."""
    frames = list(frames)
    index = {(frame.number, id(one)): i for frame in frames for i, one in enumerate(frame.faces)}
    return {tuple((n, index[n, id(one)]) for n, one in track.faces.items()) for track in link_tracks(frames)}


@settings(max_examples=40)
@given(st.integers(1, 50), st.floats(0, 4), st.floats(0, 2 * np.pi), st.integers(2, 20))
def test_a_face_keeps_its_track_at_up_to_four_widths_a_gap(gap, widths, direction, count):
    step = widths * SIZE * np.array([np.cos(direction), np.sin(direction)])
    (track,) = link_tracks([at(i * gap, person(*(step * i))) for i in range(count)])
    assert len(track.faces) == count


@settings(max_examples=40)
@given(st.integers(1, 25), st.floats(0.1, 2.5), st.floats(0, 2 * np.pi), st.integers(6, 20))
def test_a_face_that_sways_keeps_its_track(gap, amplitude, phase, count):
    turn = 2 * np.pi * np.arange(count) / 5  # five looks at it a turn
    xs = 300 + amplitude * SIZE * np.sin(turn + phase)
    (track,) = link_tracks([at(i * gap, person(x)) for i, x in enumerate(xs)])
    assert len(track.faces) == count


@settings(max_examples=40)
@given(st.integers(1, 12), st.floats(0.3, 2), st.floats(0.3, 2), st.floats(-0.2, 0.2), st.booleans())
def test_two_who_cross_keep_who_they_are(gap, right, left, height, hidden):
    """They meet in the middle of the clip, and the one behind may not be seen while they overlap."""
    frames, expected = [], ([], [])
    meeting = 60 + right * SIZE * 6
    for i in range(12):
        walkers = person(60 + right * SIZE * i), person(meeting + left * SIZE * (6 - i), 100 + height * SIZE, SECOND)
        covered = box_overlaps(walkers[0].box[None], walkers[1].box[None]).item() > 0.3
        shown = [1] if hidden and covered else [0, 1] if i % 2 else [1, 0]
        frames.append(at(i * gap, *(walkers[k] for k in shown)))
        for k in shown:
            expected[k].append((i * gap, shown.index(k)))
    assert identities(frames) == {tuple(one) for one in expected}


@settings(max_examples=40)
@given(st.integers(1, 12), st.floats(0.2, 1.0), st.floats(0.2, 1.0))
def test_twins_who_cross_are_told_apart_by_where_they_walk(gap, right, left):
    frames = [
        at(i * gap, person(60 + right * SIZE * i), person(60 + right * SIZE * 6.3 + left * SIZE * (6.3 - i), 110))
        for i in range(13)
    ]
    assert identities(frames) == {tuple((i * gap, k) for i in range(13)) for k in (0, 1)}


@settings(max_examples=40)
@given(st.lists(st.floats(-3, 3), min_size=3, max_size=12), st.integers(1, 12), st.floats(1.5, 4))
def test_a_pan_moves_all_alike(shifts, gap, apart):
    xs = 300 + SIZE * np.cumsum(shifts)
    frames = [at(i * gap, person(x), person(x + apart * SIZE, looks=SECOND)) for i, x in enumerate(xs)]
    assert identities(frames) == {tuple((i * gap, k) for i in range(len(xs))) for k in (0, 1)}


def test_those_who_turn_back_are_known_by_their_looks():
    xs = [0, 30, 60, 90, 60, 30, 0]
    frames = [at(4 * i, person(100 + x), person(310 - x, looks=SECOND)) for i, x in enumerate(xs)]
    assert identities(frames) == {tuple((4 * i, k) for i in range(7)) for k in (0, 1)}


def test_another_person_in_the_next_chair_is_another_person():
    other = FIRST + OTHER
    frames = [
        at(0, person(100)),
        at(5, person(100)),
        at(50, person(180, looks=other)),
        at(60, person(180, looks=other)),
    ]
    assert identities(frames) == {((0, 0), (5, 0)), ((50, 0), (60, 0))}


# Whole numbers and powers of two, so that equal costs stay equal to the last bit.
PLACE = st.tuples(st.integers(0, 300), st.integers(0, 200), st.integers(10, 40), st.sampled_from([0.0, 0.2, 0.45]))


@settings(max_examples=40)
@given(
    st.lists(st.lists(PLACE, max_size=4), min_size=1, max_size=8),
    st.sampled_from([0.25, 0.5, 2.0, 4.0]),
    st.integers(1, 20),
)
def test_a_mirrored_or_larger_picture_links_the_same(places, scale, gap):
    def linked(change):
        return identities(
            at(i * gap, *(change(person(2 * x, 2 * y, FIRST + looks, 2 * size)) for x, y, size, looks in frame))
            for i, frame in enumerate(places)
        )

    def larger(one):
        return replace(one, box=one.box * np.float32(scale), landmarks=one.landmarks * np.float32(scale))

    def mirrored(one):
        box = np.array([640 - one.box[2], one.box[1], 640 - one.box[0], one.box[3]], np.float32)
        landmarks = (one.landmarks * [-1, 1] + [640, 0])[[1, 0, 2, 4, 3]].astype(np.float32)
        return replace(one, box=box, landmarks=landmarks)

    assert linked(larger) == linked(mirrored) == linked(lambda one: one)


@given(st.integers(0, 4), st.integers(0, 4), st.data())
def test_pairs_cost_as_little_as_any_others(rows, columns, data):
    cost = st.sampled_from([np.inf, *np.arange(0, 1.6, 0.1)])
    drawn = data.draw(st.lists(cost, min_size=rows * columns, max_size=rows * columns))
    costs = np.array(drawn, np.float64).reshape(rows, columns)
    pairs = cheapest_pairs(costs, unpaired=1.0)
    assert len({r for r, _ in pairs}) == len({c for _, c in pairs}) == len(pairs)

    def total(some):
        return sum(costs[r, c] for r, c in some) + (rows - len(some))

    every = (
        list(zip(chosen, order, strict=True))
        for count in range(min(rows, columns) + 1)
        for chosen in itertools.combinations(range(rows), count)
        for order in itertools.permutations(range(columns), count)
    )
    assert total(pairs) == pytest.approx(min(total(some) for some in every))


def test_drawn_people_look_alike_from_frame_to_frame_and_unlike_each_other():
    looks = []
    for look in range(len(crowds.LOOKS)):
        pictures = [
            Scene([standing(look, x, height=height)], 1, wall=wall).frame(0)
            for x, height, wall in ((120, 60, 0), (300.4, 90, 1), (240, 110, 2))
        ]
        looks.append([face_appearance(picture, detect_faces(picture)[0].box) for picture in pictures])
    for i, j in itertools.combinations_with_replacement(range(len(looks)), 2):
        distances = appearance_distances(looks[i], looks[j])
        assert distances.max() < 0.15 if i == j else distances.min() > 0.18, (i, j)


def test_light_that_flickers_changes_looks_half_as_much():
    picture = Scene([standing(0, 240)], 1).frame(0)
    box = detect_faces(picture)[0].box
    looks = [face_appearance((picture * light).astype(np.uint8), box) for light in (1, 0.7)]
    assert appearance_distances(looks[:1], looks[1:]).item() == pytest.approx(-np.log(0.7) / 2, abs=0.03)


@pytest.mark.parametrize("box", [(-30, -30, 10, 10), (310, 230, 400, 300), (500, 500, 600, 600), (9, 9, 9, 9)], ids=str)
def test_a_face_at_or_beyond_the_border_still_looks_like_something(box):
    pixels = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    looks = face_appearance(pixels, np.float32(box))
    assert looks.shape == (48,)
    assert np.isfinite(looks).all()


def followed(scene: Scene, fps: float, peak: str = "middle"):
    """Who is shown in each sampled frame; None where the followed face was not found."""
    pictures = list(scene.frames(fps))
    with open_pictures(pictures) as clip:
        sample = sample_clip(clip, SampleSettings(size=16, crop="box", peak=peak))
    return [
        who(scene, number / fps, box) if score > 0 else None
        for number, box, score in zip(even_indices(len(pictures)), sample.face_boxes, sample.face_scores, strict=True)
    ]


def test_a_face_that_sways_by_two_widths_is_followed():
    assert followed(Scene([swaying(0, 240, 110, 0.5)], 2.5), 10) == [0] * 16


def test_of_two_who_cross_one_is_followed():
    people = [walking(1, 60, 150, 125), walking(3, 420, -150, height=90)]
    shown = followed(Scene(people, 2.4), 10)
    assert len(set(shown) - {None}) == 1
    assert shown.count(None) <= 3, "while one hides the other"
