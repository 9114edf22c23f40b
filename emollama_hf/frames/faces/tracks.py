"""Faces of sampled frames linked to tracks, and the one track of each shot that the clip is about.

A face continues the track that it is nearest to, looks like and is as large as, judged for all faces of a frame
together. Sampled frames lie unevenly and far apart, so a track is asked where its face should be by now.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.faces.assignment import cheapest_pairs
from emollama_hf.frames.faces.continuation import ALONE_COST, box_overlaps, continuation_costs
from emollama_hf.frames.faces.face import Face

# Where a face should be: straight on, for at most about as long as its speed was measured over.
_SPEED_OVER_S = 0.1  # at least, since a detection jitters by a pixel or two
_STRAIGHT_S = 0.4

# Overlap of two boxes whose distance and sizes cost so little that looks and age cannot make up for it (`ALONE_COST`).
_ONE_PLACE = 0.6

_MEMORY = 0.3  # share of a new detection in what its track looks like


@dataclass(frozen=True)
class SeenFrame:
    """The faces of one sampled frame.

    number: of the frame.  time_s: seconds from the first frame.  shot: counted from 0.
    width, height: of the frame in pixels.
    searched: whether `faces` are all of them, and not only some that were looked for.
    """

    number: int
    time_s: float
    shot: int
    width: int
    height: int
    faces: list[Face]
    searched: bool = True


@dataclass
class Track:
    """One face through one shot.

    faces: the detections by frame number, ascending.  times_s: of each of these frames, in seconds.
    weights: `face_weight` of each.  appearance: what the face looks like by now.
    """

    shot: int
    faces: dict[int, Face] = field(default_factory=dict)
    times_s: list[float] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    appearance: NDArray[np.float32] | None = None

    def add(self, face: Face, frame: SeenFrame, is_clear: bool = True) -> None:
        """Continue with a face of a frame. is_clear: whether it shows nobody else, so that its looks may be learned."""
        self.faces[frame.number] = face
        self.times_s.append(frame.time_s)
        self.weights.append(face_weight(face, frame.width, frame.height))
        if self.appearance is None:
            self.appearance = face.appearance
        elif is_clear and face.appearance is not None:
            self.appearance = (1 - _MEMORY) * self.appearance + _MEMORY * face.appearance

    @property
    def last(self) -> Face:
        return self.faces[next(reversed(self.faces))]

    def expected_shift(self, time_s: float) -> NDArray[np.float32]:
        """(2,) float32, x y by which the face should have moved from its last detection; 0 after the first."""
        if len(self.faces) < 2:
            return np.zeros(2, np.float32)
        faces, times = list(self.faces.values()), self.times_s
        before = next((i for i in range(len(times) - 2, -1, -1) if times[-1] - times[i] >= _SPEED_OVER_S), 0)
        span = max(times[-1] - times[before], _SPEED_OVER_S)
        ahead = min(max(time_s - times[-1], 0.0), max(span, _STRAIGHT_S))
        return np.asarray((faces[-1].centre - faces[before].centre) * np.float32(ahead / span), np.float32)


def face_weight(face: Face, width: int, height: int) -> float:
    """How much a face looks like the one a frame of that size is about: score, size, frontality, position."""
    off_centre = min(1.0, math.dist(face.centre.tolist(), (width / 2, height / 2)) / math.hypot(width / 2, height / 2))
    size = face.size / math.sqrt(width * height)
    return face.score * size * (0.25 + face.frontality) * (1 - 0.5 * off_centre)


#: A face of less than this share of the heaviest one's `face_weight` is not the one that a frame is about.
LIKELY = 0.5


def likely_faces(frame: SeenFrame) -> list[Face]:
    """The faces that a clip may be about, judged by one frame."""
    weights = [face_weight(face, frame.width, frame.height) for face in frame.faces]
    return [face for face, weight in zip(frame.faces, weights, strict=True) if weight >= LIKELY * max(weights)]


def chosen_tracks(frames: Sequence[SeenFrame]) -> dict[int, Track]:
    """The track of each shot that has any face: largest weight, the first of equals.

    frames: in the order of time. The largest face alone is not enough: it is often a listener's profile.
    """
    best: dict[int, tuple[float, Track]] = {}
    places = {frame.number: place for place, frame in enumerate(frames)}
    for track in link_tracks(frames):
        weight = _weight(track, frames, places)
        if track.shot not in best or weight > best[track.shot][0]:
            best[track.shot] = weight, track
    return {shot: track for shot, (_, track) in best.items()}


def _weight(track: Track, frames: Sequence[SeenFrame], places: dict[int, int]) -> float:
    """Sum of `face_weight` over the frames of a track.

    Frames between two of its detections count as their mean if nobody has searched them for other faces than those that
    were followed. So it does not matter who was.
    """
    total = sum(track.weights)
    numbers = list(track.faces)
    for i, (one, other) in enumerate(pairwise(numbers)):
        between = frames[places[one] + 1 : places[other]]
        if not any(frame.searched for frame in between):
            total += len(between) * (track.weights[i] + track.weights[i + 1]) / 2
    return total


def link_tracks(frames: Sequence[SeenFrame]) -> list[Track]:
    """All tracks, in the order of their first frames; none of them crosses a cut."""
    finished: list[Track] = []
    live: list[Track] = []
    for frame in frames:
        if live and live[0].shot != frame.shot:
            finished += live
            live = []
        if not frame.faces:
            continue
        pairs = [(0, 0)] if _goes_on(live, frame.faces) else []
        if live and not pairs:
            pairs = cheapest_pairs(continuation_costs(frame, live), ALONE_COST)
        owner = {f: live[t] for t, f in pairs}
        is_clear = _stand_alone(frame.faces)
        for f, face in enumerate(frame.faces):
            if f not in owner:
                live.append(Track(frame.shot))
            owner.get(f, live[-1]).add(face, frame, is_clear=is_clear[f])
    return finished + live


def _goes_on(live: Sequence[Track], faces: Sequence[Face]) -> bool:
    """Whether the only track and the only face are at one place: a pair whatever their looks, seen at a glance."""
    if len(live) != 1 or len(faces) != 1:
        return False
    x1, y1, x2, y2 = live[0].last.box.tolist()
    u1, v1, u2, v2 = faces[0].box.tolist()
    shared = max(0.0, min(x2, u2) - max(x1, u1)) * max(0.0, min(y2, v2) - max(y1, v1))
    return shared > _ONE_PLACE * ((x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - shared)


def _stand_alone(faces: Sequence[Face]) -> list[bool]:
    """For each face, whether its box touches no other's."""
    if len(faces) == 1:
        return [True]
    boxes = np.stack([face.box for face in faces])
    return ((box_overlaps(boxes, boxes) > 0).sum(1) <= 1).tolist()
