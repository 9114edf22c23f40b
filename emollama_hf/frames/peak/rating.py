"""The expressions of the faces in the candidate frames, rated once each and only where somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.faces.face import Face
from emollama_hf.frames.faces.tracks import SeenFrame, Track, face_weight
from emollama_hf.frames.peak.expression import BATCH, expressiveness, sharpness
from emollama_hf.frames.peak.peak import Candidate, peak_scores

_MAX_FACES = 20  # kept of one frame, the surest ones; nobody can choose a face in a crowd

Patch = Callable[[Face], NDArray[np.uint8]]  # what the network sees of a face, (64, 64) uint8


@dataclass(eq=False)
class _Rated:
    """A face (None: the whole picture) of a noted frame, and its rating once somebody has asked."""

    frame: SeenFrame
    face: Face | None
    patch: NDArray[np.uint8]
    rating: float | None = None
    sharpness: float | None = None

    def candidate(self) -> Candidate:
        """Of a face that has been rated."""
        assert self.rating is not None
        if self.sharpness is None:
            self.sharpness = sharpness(self.patch)
        score, is_guess = (1.0, False) if self.face is None else (self.face.score, self.face.is_guess)
        return Candidate(self.frame.number, self.frame.shot, self.rating, score, self.sharpness, is_guess)


class ExpressionRating:
    """Keeps what the expression network needs of each candidate frame: 4 kB a face, and no frame."""

    def __init__(self) -> None:
        self._noted: dict[int, list[_Rated]] = {}
        self._likeliest: list[_Rated] = []  # in each frame, before the tracks are known
        self._waiting: list[_Rated] = []

    def look(self, frame: SeenFrame, patch: Patch) -> None:
        """Note a candidate frame and its faces."""
        faces = frame.faces[:_MAX_FACES]
        self._noted[frame.number] = [_Rated(frame, face, patch(face)) for face in faces]
        if faces:
            weights = [face_weight(face, frame.width, frame.height) for face in faces]
            self._wait(self._noted[frame.number][int(np.argmax(weights))])

    def look_whole(self, frame: SeenFrame, patch: NDArray[np.uint8]) -> None:
        """Note a candidate frame that is a face itself. patch: (64, 64) uint8."""
        self._noted[frame.number] = [_Rated(frame, None, patch)]
        self._wait(self._noted[frame.number][0])

    def promises(self) -> dict[int, float]:
        """How good a peak each rated frame is by its likeliest face: `peak_scores`, before the tracks are known.

        Empty until there are enough new ones to be rated together.
        """
        if len(self._waiting) < BATCH:
            return {}
        _rate(self._waiting)
        self._waiting = []
        rated = [one for one in self._likeliest if one.rating is not None]
        scores = peak_scores([one.candidate() for one in rated])
        return {one.frame.number: score for one, score in zip(rated, scores.tolist(), strict=True)}

    def candidates(self, frames: Sequence[SeenFrame], tracks: dict[int, Track] | None) -> list[Candidate]:
        """The noted frames that show the chosen face of their shot; tracks None: that are a face."""
        chosen: list[_Rated] = []
        for frame in frames:
            track = None if tracks is None else tracks.get(frame.shot)
            face = None if track is None else track.faces.get(frame.number)
            if tracks is None or face is not None:
                chosen += [
                    replace(rated, frame=frame) for rated in self._noted.get(frame.number, []) if rated.face is face
                ]
        _rate(chosen)
        return [rated.candidate() for rated in chosen]

    def _wait(self, rated: _Rated) -> None:
        self._likeliest.append(rated)
        self._waiting.append(rated)


def _rate(faces: Sequence[_Rated]) -> None:
    missing = [rated for rated in faces if rated.rating is None]
    if missing:
        for rated, rating in zip(missing, expressiveness(np.stack([one.patch for one in missing])), strict=True):
            rated.rating = float(rating)
