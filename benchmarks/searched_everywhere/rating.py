"""The expressions of the faces in the candidate frames, rated once each and only where somebody asks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.searched_everywhere.expression import expressiveness
from emollama_hf.frames.faces.tracks import SeenFrame, Track, face_weight
from emollama_hf.frames.peak.expression import BATCH, face_patch, sharpness
from emollama_hf.frames.peak.peak import Candidate

_MAX_FACES = 20  # kept of one frame, the surest ones; nobody can choose a face in a crowd


class ExpressionRating:
    """Keeps what the expression network needs of each candidate frame: 4 kB a face, and no frame."""

    def __init__(self) -> None:
        self._patches: dict[int, list[NDArray[np.uint8]]] = {}
        self._ratings: dict[tuple[int, int], float] = {}
        self._waiting: list[tuple[int, int]] = []

    def look(self, frame: SeenFrame, pixels: NDArray[np.uint8], whole: NDArray[np.uint8] | None = None) -> None:
        """Note a candidate frame. pixels: (H, W, 3) uint8.  whole: the patch of a picture that is a face itself."""
        faces = frame.faces[:_MAX_FACES]
        patches = [face_patch(pixels, face.box) for face in faces] if whole is None else [whole]
        self._patches[frame.number] = patches
        if patches:
            weights = [face_weight(face, frame.width, frame.height) for face in faces]
            self._waiting.append((frame.number, int(np.argmax(weights)) if weights else 0))

    def promises(self) -> dict[int, float]:
        """How expressive frames are, 0..1, of those rated since the last call; before the tracks are known.

        In each frame the likeliest face is rated, and only when there are enough to be rated together.
        """
        if len(self._waiting) < BATCH:
            return {}
        batch, self._waiting = self._waiting, []
        self._rate(batch)
        return {number: self._ratings[number, place] for number, place in batch}

    def candidates(self, frames: Sequence[SeenFrame], tracks: dict[int, Track] | None) -> list[Candidate]:
        """The noted frames that show the chosen face of their shot; tracks None: that are a face."""
        chosen: list[tuple[SeenFrame, int, float]] = []
        for frame in frames:
            place, score = (0, 1.0) if tracks is None else _position(frame, tracks.get(frame.shot))
            if 0 <= place < len(self._patches.get(frame.number, [])):
                chosen.append((frame, place, score))
        self._rate([(frame.number, place) for frame, place, _ in chosen])
        return [
            Candidate(
                number=frame.number,
                shot=frame.shot,
                expressiveness=self._ratings[frame.number, place],
                detection_score=score,
                sharpness=sharpness(self._patches[frame.number][place]),
            )
            for frame, place, score in chosen
        ]

    def _rate(self, faces: list[tuple[int, int]]) -> None:
        missing = [face for face in faces if face not in self._ratings]
        if missing:
            patches = np.stack([self._patches[number][place] for number, place in missing])
            self._ratings.update(zip(missing, expressiveness(patches).tolist(), strict=True))


def _position(frame: SeenFrame, track: Track | None) -> tuple[int, float]:
    """Where in a frame's list of faces the track's is, and its score; -1 where it was not detected."""
    face = None if track is None else track.faces.get(frame.number)
    if face is None:
        return -1, 0.0
    return next(i for i, other in enumerate(frame.faces) if other is face), face.score
