"""Faces of sampled frames linked to tracks, and the one track of each shot that the clip is about.

A face continues the track that it is nearest to, looks like and is as large as, judged for all faces of a frame
together. Sampled frames lie unevenly and far apart, so a track is asked where its face should be by now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.faces.assignment import cheapest_pairs
from emollama_hf.frames.faces.continuation import ALONE_COST, box_overlaps, continuation_costs
from emollama_hf.frames.faces.face import Face

# Where a face should be: straight on, for at most about as long as its speed was measured over.
_SPEED_OVER_S = 0.1  # at least, since a detection jitters by a pixel or two
_STRAIGHT_S = 0.4

_MEMORY = 0.3  # share of a new detection in what its track looks like


@dataclass(frozen=True)
class SeenFrame:
    """The faces of one sampled frame.

    number: of the frame.  time_s: seconds from the first frame.  shot: counted from 0.
    width, height: of the frame in pixels.
    """

    number: int
    time_s: float
    shot: int
    width: int
    height: int
    faces: list[Face]

    def in_shot(self, shot: int) -> SeenFrame:
        """The same frame, now that its shot is known."""
        return replace(self, shot=shot)


@dataclass
class Track:
    """One face through one shot.

    faces: the detections by frame number, ascending.  times_s: of each of these frames, in seconds.
    weight: sum of `face_weight`.  appearance: what the face looks like by now.
    """

    shot: int
    faces: dict[int, Face] = field(default_factory=dict)
    times_s: list[float] = field(default_factory=list)
    weight: float = 0.0
    appearance: NDArray[np.float32] | None = None

    def add(self, face: Face, frame: SeenFrame, is_clear: bool = True) -> None:
        """Continue with a face of a frame. is_clear: whether it shows nobody else, so that its looks may be learned."""
        self.faces[frame.number] = face
        self.times_s.append(frame.time_s)
        self.weight += face_weight(face, frame.width, frame.height)
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
    middle = np.array([width, height]) / 2
    off_centre = min(1.0, float(np.linalg.norm(face.centre - middle) / np.linalg.norm(middle)))
    size = face.size / float(np.sqrt(width * height))
    return face.score * size * (0.25 + face.frontality) * (1 - 0.5 * off_centre)


def chosen_tracks(frames: Sequence[SeenFrame]) -> dict[int, Track]:
    """The track of each shot that has any face: largest sum of `face_weight`, the first of equals.

    frames: in the order of time. The largest face alone is not enough: it is often a listener's profile.
    """
    best: dict[int, Track] = {}
    for track in link_tracks(frames):
        if track.shot not in best or track.weight > best[track.shot].weight:
            best[track.shot] = track
    return best


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
        pairs = cheapest_pairs(continuation_costs(frame, live), ALONE_COST) if live else []
        owner = {f: live[t] for t, f in pairs}
        is_clear = _stand_alone(frame.faces)
        for f, face in enumerate(frame.faces):
            if f not in owner:
                live.append(Track(frame.shot))
            owner.get(f, live[-1]).add(face, frame, is_clear=is_clear[f])
    return finished + live


def _stand_alone(faces: Sequence[Face]) -> list[bool]:
    """For each face, whether its box touches no other's."""
    boxes = np.stack([face.box for face in faces])
    return ((box_overlaps(boxes, boxes) > 0).sum(1) <= 1).tolist()
