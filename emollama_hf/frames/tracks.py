"""Faces of sampled frames linked to tracks, and the one track of each shot that the clip is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .faces import Face

_MIN_OVERLAP = 0.3  # of two boxes of one face, safe up to gaps of 5 frames
_LONG_GAP = 5  # frames; beyond, a face may have left its old box, and the distance of the centres decides
_REACH = 0.5  # distance in face sizes that a face may move in a long gap, and as much again per second ...
_REACH_PER_S = 1.0
_MAX_REACH = 2.5  # ... up to here
_MAX_GROWTH = 2.0  # of the size in a long gap


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
    """One face through one shot: the frame numbers where it was detected, ascending, and the detections."""

    shot: int
    faces: dict[int, Face] = field(default_factory=dict)
    weight: float = 0.0
    last: SeenFrame | None = None


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
        for face, track in _assign(frame, live):
            if track is None:
                track = Track(frame.shot)
                live.append(track)
            track.faces[frame.number] = face
            track.weight += face_weight(face, frame.width, frame.height)
            track.last = frame
    return finished + live


def _assign(frame: SeenFrame, tracks: list[Track]) -> list[tuple[Face, Track | None]]:
    """Each face of a frame with its track, best matches first; None for a face that starts one."""
    matches = [
        (affinity, -f, -t)  # of equal matches the first face and the oldest track
        for f, face in enumerate(frame.faces)
        for t, track in enumerate(tracks)
        if (affinity := _affinity(face, frame, track)) > 0
    ]
    owner: dict[int, Track] = {}
    taken: set[int] = set()
    for _, f, t in sorted(matches, reverse=True):
        if -f not in owner and -t not in taken:
            owner[-f] = tracks[-t]
            taken.add(-t)
    return [(face, owner.get(f)) for f, face in enumerate(frame.faces)]


def _affinity(face: Face, frame: SeenFrame, track: Track) -> float:
    """How well a face continues a track: 1 to 2 by overlap, 0 to 1 by distance, 0 not at all."""
    assert track.last is not None
    before = track.faces[track.last.number]
    overlap = box_overlap(face, before)
    if overlap > _MIN_OVERLAP:
        return 1 + overlap
    if frame.number - track.last.number <= _LONG_GAP:
        return 0.0
    sizes = sorted((face.size, before.size))
    if sizes[0] <= 0 or sizes[1] / sizes[0] > _MAX_GROWTH:
        return 0.0
    gap_s = frame.time_s - track.last.time_s
    reach = min(_MAX_REACH, _REACH + _REACH_PER_S * gap_s) * sum(sizes) / 2
    distance = float(np.linalg.norm(face.centre - before.centre))
    return max(0.0, 1 - distance / reach)


def box_overlap(a: Face, b: Face) -> float:
    """Intersection over union of two boxes, 0..1."""
    top_left = np.maximum(a.box[:2], b.box[:2])
    bottom_right = np.minimum(a.box[2:], b.box[2:])
    shared = float(np.prod(np.maximum(bottom_right - top_left, 0)))
    union = a.size**2 + b.size**2 - shared
    return shared / union if union > 0 else 0.0
