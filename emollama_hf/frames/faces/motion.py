"""Where a tracked face is in any frame: smoothed where it was detected, interpolated over short gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.faces.tracks import Track

_SIGMA = 1.0  # frames
_SHORT_GAP_S = 0.5  # between two detections; a head moves on a straight line for about that long


@dataclass(frozen=True)
class FacePlace:
    """A face's place in one frame.

    box: (4,) float32, x1 y1 x2 y2.  landmarks: (5, 2) float32.  Both in pixels of the frame.
    score: of the detection in this very frame, 0 where there was none.
    """

    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    score: float


class FaceMotion:
    """The path of one track.

    seconds_per_frame: mean distance of neighbouring frames, for the length of gaps.
    """

    def __init__(self, track: Track, seconds_per_frame: float) -> None:
        self._numbers = np.array(list(track.faces), np.int64)
        self._scores = [0.0 if face.is_guess else face.score for face in track.faces.values()]
        points = np.stack([np.concatenate([f.box.reshape(2, 2), f.landmarks]) for f in track.faces.values()]).astype(
            np.float64
        )
        self._points = _smooth(self._numbers, points, np.array([not face.is_guess for face in track.faces.values()]))
        self._seconds_per_frame = seconds_per_frame

    def place(self, number: int) -> FacePlace | None:
        """The face's place in a frame, or None where the gap is too long to say."""
        after = int(np.searchsorted(self._numbers, number))
        if after < len(self._numbers) and self._numbers[after] == number:
            return _place(self._points[after], self._scores[after])
        if after in (0, len(self._numbers)):
            return None
        first, last = self._numbers[after - 1], self._numbers[after]
        if (last - first) * self._seconds_per_frame > _SHORT_GAP_S:
            return None
        share = (number - first) / (last - first)
        return _place((1 - share) * self._points[after - 1] + share * self._points[after], 0.0)


def _place(points: NDArray[np.float64], score: float) -> FacePlace:
    values = points.astype(np.float32)
    return FacePlace(values[:2].reshape(4), values[2:], score)


def _smooth(numbers: NDArray[np.int64], points: NDArray[np.float64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Gaussian smoothing over frames of a track, (N, 7, 2), by their true distances. Guesses (not seen) stay.

    At each frame a straight line in time is fitted with Gaussian weights, sigma 1 frame. A plain weighted mean
    would pull a frame towards its only neighbour whenever the head moves, and sampled frames often come in lone
    pairs; the line leaves a pair as it is, smooths where frames follow each other closely, and neighbours far
    away in time have no weight in either.
    """
    smoothed = points.copy()
    for i in np.flatnonzero(seen).tolist():
        distance = (numbers - numbers[i]).astype(np.float64)
        near = seen & (np.abs(distance) <= 4 * _SIGMA)
        if near.sum() < 3:
            continue
        u = distance[near]
        weight = np.exp(-0.5 * (u / _SIGMA) ** 2)
        s0, s1, s2 = weight.sum(), (weight * u).sum(), (weight * u * u).sum()
        share = weight * (s2 - s1 * u) / (s0 * s2 - s1 * s1)  # of each frame in the line's value here
        smoothed[i] = np.tensordot(share, points[near], 1)
    return smoothed
