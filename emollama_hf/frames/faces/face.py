"""A detected face: its box, its five landmarks, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

# Landmarks in the order of YuNet; left and right as in the picture.
LEFT_EYE, RIGHT_EYE, NOSE, LEFT_MOUTH, RIGHT_MOUTH = range(5)


@dataclass(frozen=True)
class Face:
    """One detected face, in pixels of its frame.

    box: (4,) float32, x1 y1 x2 y2; it may reach beyond the frame.
    landmarks: (5, 2) float32, x y of both eyes, nose and both mouth corners.
    score: 0..1.
    appearance: what `face_appearance` returns of it; None where nobody asked.
    is_guess: whether nobody looked, since it is between two detections that hardly differ; all above is then between
        theirs.
    """

    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    score: float
    appearance: NDArray[np.float32] | None = None
    is_guess: bool = False

    @cached_property
    def size(self) -> float:
        """Square root of the box's area, in pixels."""
        width, height = self.box[2:] - self.box[:2]
        return float(np.sqrt(max(width, 0.0) * max(height, 0.0)))

    @cached_property
    def centre(self) -> NDArray[np.float32]:
        """(2,) float32, x y of the box's middle."""
        return ((self.box[:2] + self.box[2:]) / 2).astype(np.float32)

    @property
    def roll(self) -> float:
        """Degrees by which the line of the eyes is turned clockwise, -180..180."""
        x, y = self.landmarks[RIGHT_EYE] - self.landmarks[LEFT_EYE]
        return float(np.degrees(np.arctan2(y, x)))

    @property
    def frontality(self) -> float:
        """1 where the nose lies midway between the eyes, 0 where it lies at or beyond one of them."""
        left, right, nose = self.landmarks[LEFT_EYE], self.landmarks[RIGHT_EYE], self.landmarks[NOSE]
        axis = right - left
        length = float(axis @ axis)
        if length == 0:
            return 0.0
        along = float((nose - left) @ axis) / length
        return max(0.0, 1.0 - abs(2.0 * along - 1.0))

    def scaled(self, ratio: NDArray[np.floating]) -> Face:
        """The face in a picture that is `ratio`, x y, times as large."""
        by = np.asarray(ratio, np.float32)
        return replace(self, box=self.box * np.tile(by, 2), landmarks=self.landmarks * by)

    def between(self, other: Face, share: float) -> Face:
        """A guess: where the face is on its way to another place of its own. share: of the way, 0..1."""
        box, landmarks = (
            ((1 - share) * a + share * b).astype(np.float32)
            for a, b in ((self.box, other.box), (self.landmarks, other.landmarks))
        )
        return Face(box, landmarks, (1 - share) * self.score + share * other.score, is_guess=True)
