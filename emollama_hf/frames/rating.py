"""The expressions of the faces in the candidate frames, rated once each and only where somebody asks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .expression import expressiveness, face_patch, sharpness
from .peak import Candidate
from .tracks import SeenFrame, Track, face_weight

_MAX_FACES = 20  # kept of one frame, the surest ones; nobody can choose a face in a crowd


class ExpressionRating:
    """Keeps what the expression network needs of each candidate frame: 4 kB a face, and no frame."""

    def __init__(self) -> None:
        self._patches: dict[int, list[NDArray[np.uint8]]] = {}
        self._ratings: dict[tuple[int, int], float] = {}

    def look(self, frame: SeenFrame, pixels: NDArray[np.uint8], whole: NDArray[np.uint8] | None = None) -> None:
        """Note a candidate frame. pixels: (H, W, 3) uint8.  whole: the patch of a picture that is a face itself."""
        if whole is not None:
            self._patches[frame.number] = [whole]
        else:
            self._patches[frame.number] = [face_patch(pixels, f.box) for f in frame.faces[:_MAX_FACES]]

    def promise(self, frame: SeenFrame) -> float:
        """How expressive a frame is, 0..1, judged before the tracks are known; -1 without a face."""
        if not self._patches[frame.number]:
            return -1.0
        weights = [face_weight(f, frame.width, frame.height) for f in frame.faces[:_MAX_FACES]]
        return self._rate(frame.number, int(np.argmax(weights)) if weights else 0)

    def candidates(self, frames: Sequence[SeenFrame], tracks: dict[int, Track] | None) -> list[Candidate]:
        """The noted frames that show the chosen face of their shot; tracks None: that are a face."""
        found = []
        for frame in frames:
            patches = self._patches.get(frame.number, [])
            place, score = (0, 1.0) if tracks is None else _position(frame, tracks.get(frame.shot))
            if 0 <= place < len(patches):
                rating = self._rate(frame.number, place)
                found.append(Candidate(frame.number, frame.shot, rating, score, sharpness(patches[place])))
        return found

    def _rate(self, number: int, place: int) -> float:
        key = number, place
        if key not in self._ratings:
            self._ratings[key] = float(expressiveness(self._patches[number][place][None])[0])
        return self._ratings[key]


def _position(frame: SeenFrame, track: Track | None) -> tuple[int, float]:
    """Where in a frame's list of faces the track's is, and its score; -1 where it was not detected."""
    face = None if track is None else track.faces.get(frame.number)
    if face is None:
        return -1, 0.0
    return next(i for i, other in enumerate(frame.faces) if other is face), face.score
