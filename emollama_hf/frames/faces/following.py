"""People followed from one searched frame of a shot to another."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.faces.face import Face
from emollama_hf.frames.faces.likeness import alike, face_grey
from emollama_hf.frames.faces.tracks import LIKELY, face_weight, link_tracks
from emollama_hf.frames.faces.watched_frame import WatchedFrame
from emollama_hf.frames.faces.windows import FAR, NEAR, nearest_face, window_pixels

# Windows of so much are looked at rather than guessed for a rating: of 0.7 ms, and of 1.7 ms where it matters more,
# since a crop nearby is smoothed with what is found, or since several people may be taken for each other.
_CHEAP_PIXELS, _MATTERING_PIXELS = 128**2, 208**2
_SMOOTHED = 2  # frames from a crop

# Of a face that nobody looks for between two detections: how far they may be apart in sizes if it is midway, for a crop
# and for a rating, and how much it must look the same.
_STILL, _NEARLY_STILL = 0.08, 0.7
_ALIKE, _NEARLY_ALIKE = 0.95, 0.85


def people_of(first: WatchedFrame, last: WatchedFrame) -> list[tuple[Face, Face]] | None:
    """The likely faces of two frames of a shot, each in both; None if one of them is in one frame only."""
    weights = first.weights() + last.weights()
    people = []
    for track in link_tracks([first.small(), last.small()]) if weights else ():
        faces = list(track.faces.values())
        if max(face_weight(face, *first.working.size) for face in faces) >= LIKELY * max(weights):
            if len(faces) < 2:
                return None
            people.append((faces[0], faces[1]))
    return people


class Following:
    """People between two frames in which both ends know them.

    A place is what is known of a person in a frame: by index of the frame, a face for each person, None if lost.
    """

    def __init__(self, frames: Sequence[WatchedFrame], people: list[tuple[Face, Face]]) -> None:
        self._frames = frames
        self._places: dict[int, list[Face | None]] = {
            0: [first for first, _ in people],
            len(frames) - 1: [last for _, last in people],
        }
        self._greys: dict[tuple[int, int], NDArray[np.float32]] = {}
        self._pixels = window_pixels(frames[0].working, [pair[0] for pair in people])
        self._is_one = len(people) == 1

    def run(self, detections: Collection[int], crops: Collection[int]) -> None:
        """Find or guess their faces in the frames between. detections, crops: as `FaceWatch` takes them."""
        inner = range(1, len(self._frames) - 1)
        for index in inner:
            if self._frames[index].number in detections:
                self._look(index)
        # Crops before ratings, which may be rough.
        for index in sorted(inner, key=lambda index: self._frames[index].number not in crops):
            frame = self._frames[index]
            if index in self._places:
                continue
            is_crop = frame.number in crops
            matters = not self._is_one or any(abs(frame.number - crop) <= _SMOOTHED for crop in crops)
            is_cheap = self._pixels <= (_MATTERING_PIXELS if matters else _CHEAP_PIXELS)
            limits = (_STILL, _ALIKE) if is_crop else (_NEARLY_STILL, _NEARLY_ALIKE)
            if (is_crop or not is_cheap) and self._is_still(index, *limits):
                frame.guess([guess for guess in self._guesses(index) if guess is not None])
            else:
                self._look(index, roughly=not (is_crop or is_cheap))

    def _look(self, index: int, roughly: bool = False) -> None:
        frame, guesses = self._frames[index], self._guesses(index)
        known = [guess for guess in guesses if guess is not None]
        found = frame.in_windows(known, roughly) if len(known) == len(guesses) else None
        if found is None:
            frame.search()
        else:
            frame.found(found)
        self._places[index] = _places_of(frame.faces, guesses, FAR if found is None else NEAR)

    def _around(self, index: int) -> tuple[int, int]:
        """The frames before and after it in which somebody looked."""
        return max(i for i in self._places if i < index), min(i for i in self._places if i > index)

    def _guesses(self, index: int) -> list[Face | None]:
        """Where each person must be: on the way from the last place to the next, or at the only one of them."""
        guesses: list[Face | None] = []
        before, after = self._around(index)
        share = self._share(before, index, after)
        for one, other in zip(self._places[before], self._places[after], strict=True):
            guesses.append(one.between(other, share) if one and other else one or other)
        return guesses

    def _share(self, before: int, index: int, after: int) -> float:
        """How much of the time between two frames has passed in one between them."""
        start, now, end = (self._frames[i].time_s for i in (before, index, after))
        return (now - start) / (end - start) if end > start else 0.5

    def _is_still(self, index: int, limit: float, alikeness: float) -> bool:
        """Whether each person was found before and after, at nearly the same place, and looks the same here."""
        before, after = self._around(index)
        share = self._share(before, index, after)
        near = 4 * share * (1 - share)  # 1 in the middle, less near a frame in which somebody looked
        for person, guess in enumerate(self._guesses(index)):
            one, other = self._places[before][person], self._places[after][person]
            if guess is None or one is None or other is None:
                return False
            moved = np.linalg.norm(one.landmarks - other.landmarks, axis=1).max()
            if moved * near > limit * max(guess.size, 1.0):
                return False
            here = face_grey(self._frames[index].working.pixels, guess.box)
            if min(alike(here, self._grey(i, person)) for i in (before, after)) < alikeness:
                return False
        return True

    def _grey(self, index: int, person: int) -> NDArray[np.float32]:
        if (index, person) not in self._greys:
            face = self._places[index][person]
            assert face is not None
            self._greys[index, person] = face_grey(self._frames[index].working.pixels, face.box)
        return self._greys[index, person]


def _places_of(faces: Sequence[Face], guesses: Sequence[Face | None], limit: float) -> list[Face | None]:
    """Each person's face, None for who is lost: one face in the place of several is that of the nearest of them."""
    nearest = [guess and nearest_face(faces, guess, limit) for guess in guesses]
    places: list[Face | None] = []
    for person, face in enumerate(nearest):
        claims = [i for i, other in enumerate(nearest) if face is not None and other is face]
        is_theirs = bool(claims) and person == min(claims, key=lambda i: _distance(guesses[i], face))
        places.append(face if is_theirs else None)
    return places


def _distance(one: Face | None, other: Face | None) -> float:
    return math.dist(one.centre.tolist(), other.centre.tolist()) if one and other else math.inf
