from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.frames.faces.continuation import box_overlaps
from emollama_hf.frames.faces.face import Face
from emollama_hf.frames.faces.motion import FaceMotion
from emollama_hf.frames.faces.tracks import SeenFrame, Track, chosen_tracks, link_tracks


def face(x, y, side=40.0, score=0.9, nose=0.5) -> Face:
    """A face with its middle at x, y; nose: where it lies between the eyes."""
    landmarks = np.array([[-0.2, -0.1], [0.2, -0.1], [0.4 * nose - 0.2, 0], [-0.15, 0.2], [0.15, 0.2]]) * side
    box = np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2], np.float32)
    return Face(box, (landmarks + np.array([x, y])).astype(np.float32), score)


def seen(number, *faces, shot=0, fps=25.0) -> SeenFrame:
    return SeenFrame(number, number / fps, shot, 320, 240, list(faces))


def test_two_faces_are_two_tracks_whatever_their_order_in_a_frame():
    frames = [
        seen(i, *(pair if i % 2 else pair[::-1])) for i in range(6) if (pair := (face(80 + i, 100), face(240, 100)))
    ]
    tracks = link_tracks(frames)
    assert len(tracks) == 2
    xs = [[f.centre[0] for f in track.faces.values()] for track in tracks]
    assert sorted(xs) == [[80, 81, 82, 83, 84, 85], [240] * 6]


def test_a_track_survives_frames_without_its_face():
    (track,) = link_tracks([seen(0, face(100, 100)), seen(2), seen(4), seen(5, face(104, 100))])
    assert list(track.faces) == [0, 5]


@pytest.mark.parametrize(
    ("gap", "distance", "tracks"),
    [(3, 50, 2), (50, 50, 1), (50, 140, 2), (8, 50, 1), (100, 90, 1), (100, 110, 2), (5, 25, 1), (6, 25, 1)],
)
def test_where_nothing_else_is_known_a_face_goes_as_far_as_people_walk_and_no_further_than_its_surroundings(
    gap, distance, tracks
):
    frames = [seen(0, face(100, 100)), seen(gap, face(100 + distance, 100))]
    assert len(link_tracks(frames)) == tracks


def test_after_a_long_gap_a_face_of_another_size_is_another_face():
    assert len(link_tracks([seen(0, face(100, 100, 40)), seen(50, face(105, 100, 90))])) == 2


def test_a_face_is_compared_with_where_it_was_last():
    (track,) = link_tracks([seen(i, face(100 + 12 * i, 100)) for i in range(10)])
    assert len(track.faces) == 10


def test_the_best_matches_are_made_first():
    first, second = face(100, 100), face(130, 100)
    tracks = link_tracks([seen(0, first, second), seen(1, face(118, 100), face(108, 100))])
    assert [[one.centre[0] for one in track.faces.values()] for track in tracks] == [[100, 108], [130, 118]]


def test_of_two_faces_near_one_track_the_nearer_continues_it_and_the_other_is_new():
    tracks = link_tracks([seen(0, face(100, 100)), seen(1, face(90, 100), face(103, 100))])
    assert [[one.centre[0] for one in track.faces.values()] for track in tracks] == [[100, 103], [90]]


def test_a_small_overlap_is_no_match_and_a_third_is_one():
    assert len(link_tracks([seen(0, face(100, 100)), seen(1, face(122, 100))])) == 2  # 0.29
    assert len(link_tracks([seen(0, face(100, 100)), seen(1, face(121, 100))])) == 1  # 0.31


def test_of_equal_faces_the_one_in_the_middle_is_chosen_and_of_equal_places_the_first():
    def chosen(*faces):
        return chosen_tracks([seen(i, *faces) for i in range(2)])[0].faces[0].centre.tolist()

    assert chosen(face(30, 30), face(160, 120)) == [160, 120]
    assert chosen(face(220, 120), face(100, 120)) == [220, 120]
    assert chosen(face(100, 120), face(220, 120)) == [100, 120]


def test_no_track_crosses_a_cut():
    frames = [seen(0, face(100, 100)), seen(1, face(100, 100), shot=1)]
    assert [list(t.faces) for t in link_tracks(frames)] == [[0], [1]]
    assert sorted(chosen_tracks(frames)) == [0, 1]


def test_a_larger_profile_at_the_side_does_not_win():
    speaker, listener = face(160, 110, 60), face(270, 150, 90, nose=1.0)
    tracks = chosen_tracks([seen(i, listener, speaker) for i in range(4)])
    assert {f.centre[0] for f in tracks[0].faces.values()} == {160}


def test_a_face_seen_once_does_not_win_over_one_seen_often():
    frames = [seen(i, face(160, 110, 40), *([face(60, 60, 70)] if i == 2 else [])) for i in range(6)]
    assert len(chosen_tracks(frames)[0].faces) == 6


def motion_of(places: dict[int, tuple[float, float]], fps=25.0) -> FaceMotion:
    return FaceMotion(Track(0, {n: face(x, y) for n, (x, y) in places.items()}), 1 / fps)


def middle(place):
    return (place.box[:2] + place.box[2:]) / 2


def test_a_short_gap_is_interpolated():
    motion = motion_of({10: (100, 80), 14: (108, 84)})
    place = motion.place(11)
    assert middle(place) == pytest.approx([102, 81])
    assert place.landmarks[0] == pytest.approx(face(102, 81).landmarks[0])
    assert place.score == 0


def test_a_long_gap_and_the_time_outside_the_track_are_not_guessed():
    motion = motion_of({10: (100, 80), 40: (108, 84)})
    assert [motion.place(n) for n in (9, 20, 41)] == [None] * 3


def test_a_gap_is_judged_by_seconds_and_not_by_frames():
    assert motion_of({10: (100, 80), 40: (108, 84)}, fps=100).place(20) is not None
    assert motion_of({10: (100, 80), 14: (108, 84)}, fps=5).place(11) is None


def test_a_gap_of_exactly_half_a_second_is_still_short():
    assert motion_of({10: (100, 80), 15: (110, 80)}, fps=10).place(12) is not None
    assert motion_of({10: (100, 80), 16: (110, 80)}, fps=10).place(12) is None


def test_detections_keep_their_scores():
    assert motion_of({10: (100, 80)}).place(10).score == pytest.approx(0.9)


@given(speed=st.floats(-20, 20), numbers=st.sets(st.integers(0, 300), min_size=1, max_size=30))
def test_smoothing_leaves_an_even_movement_alone(speed, numbers):
    motion = motion_of({n: (100 + speed * n, 80) for n in sorted(numbers)})
    for n in numbers:
        assert middle(motion.place(n)) == pytest.approx([100 + speed * n, 80], abs=0.02)


def test_smoothing_takes_jitter_out_of_frames_that_follow_each_other():
    rng = np.random.default_rng(0)
    jitter = rng.normal(0, 1.2, (40, 2))
    motion = motion_of({n: (100 + dx, 80 + dy) for n, (dx, dy) in enumerate(jitter)})
    left = np.array([middle(motion.place(n)) - [100, 80] for n in range(40)])
    assert left[2:-2].std() < 0.65 * jitter[2:-2].std()


def test_a_far_neighbour_moves_a_frame_hardly_and_one_further_away_not_at_all():
    places = {0: (100, 80), 1: (100, 80), 2: (100, 80), 3: (100, 80)}
    assert middle(motion_of({**places, 4: (1100, 80)}).place(0)) == pytest.approx([100, 80], abs=5)
    moved = [float(middle(motion_of({0: (100, 80), 2: (100, 80), last: (1100, 80)}).place(0))[0]) for last in (4, 5)]
    assert moved[0] == pytest.approx(99.67, abs=0.05), "a line through all three, with Gaussian weights"
    assert moved[1] == 100, "two frames are a pair, which is left as it is"


def test_the_line_of_smoothing_has_gaussian_weights_of_one_frame():
    motion = motion_of({0: (100, 80), 1: (100, 80), 2: (110, 80), 3: (100, 80), 4: (100, 80)})
    weight = np.exp(-0.5 * np.arange(-2, 3) ** 2)
    assert float(middle(motion.place(2))[0]) == pytest.approx(100 + 10 / weight.sum(), abs=1e-3)


def test_frames_far_apart_are_not_smoothed():
    places = {0: (100, 80), 30: (140, 90), 60: (90, 70)}
    motion = motion_of(places)
    for number, place in places.items():
        assert middle(motion.place(number)) == pytest.approx(place, abs=1e-4)


def unsearched(number, *faces) -> SeenFrame:
    return replace(seen(number, *faces), searched=False)


def test_frames_that_nobody_searched_count_for_a_face_that_was_there_before_and_after():
    """One of two faces was followed, the other seen at both ends only: the heavier one is chosen, not the followed."""
    small, large = face(60, 120, 40), face(220, 120, 60)
    frames = [seen(0, small, large), *(unsearched(n, small) for n in range(1, 9)), seen(9, small, large)]
    assert chosen_tracks(frames)[0].faces[0] is large


def test_frames_that_were_searched_do_not_count_for_a_face_that_was_not_there():
    small, large = face(60, 120, 40), face(220, 120, 60)
    frames = [seen(0, small, large), *(seen(n, small) for n in range(1, 9)), seen(9, small, large)]
    assert chosen_tracks(frames)[0].faces[0] is small


def test_a_guess_has_a_place_and_no_detection_and_smooths_nothing():
    first, last = face(100, 100), face(110, 100)
    guesses = {n: first.between(last, n / 4) for n in (1, 2, 3)}
    motion = FaceMotion(Track(0, {0: first, **guesses, 4: last}), 1 / 25)
    places = [motion.place(n) for n in range(5)]
    assert [place.score for place in places] == [first.score, 0, 0, 0, last.score]
    assert [float(place.box[0]) for place in places] == [80, 82.5, 85, 87.5, 90]
    assert guesses[2].score == first.score


@given(st.floats(-30, 30), st.floats(-30, 30), st.floats(0.7, 1.4), st.floats(0, 30))
def test_a_face_at_one_place_goes_on_whatever_it_looks_like(x, y, growth, seconds):
    """The short way for one track and one face gives what the long way gives."""
    one = replace(face(100, 100), appearance=np.zeros(48, np.float32))
    other = replace(face(100 + x, 100 + y, 40 * growth), appearance=np.ones(48, np.float32))
    overlap = box_overlaps(one.box[None], other.box[None])[0, 0]
    if overlap > 0.6:
        aside = [face(1000, 1000)]  # a second face, which nothing continues: the long way
        frames = [[SeenFrame(0, 0.0, 0, 320, 240, [one]), SeenFrame(1, seconds, 0, 320, 240, [other, *more])]
                  for more in ([], aside)]  # fmt: skip
        assert [list(link_tracks(pair)[0].faces) for pair in frames] == [[0, 1], [0, 1]]
