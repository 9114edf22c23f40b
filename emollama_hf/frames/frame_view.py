"""A frame, or as much of it as was worth keeping, addressed in the whole frame's pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class FrameView:
    """A rectangle of a frame.

    pixels: (h, w, 3) uint8 RGB.  left, top: where it lies in the frame.  width, height: of the whole frame.
    """

    pixels: NDArray[np.uint8]
    left: int
    top: int
    width: int
    height: int

    @classmethod
    def whole(cls, pixels: NDArray[np.uint8]) -> FrameView:
        """All of a frame, (H, W, 3) uint8."""
        return cls(pixels, 0, 0, pixels.shape[1], pixels.shape[0])

    def part(self, area: ArrayLike) -> FrameView:
        """A copy of the part of an area, x1 y1 x2 y2, that lies in the frame."""
        pixels, (left, top) = self.cut(area)
        return FrameView(pixels.copy(), left, top, self.width, self.height)

    def holds(self, area: ArrayLike) -> bool:
        """Whether everything of an area that lies in the frame is here."""
        left, top, right, bottom = self._inside(area)
        height, width = self.pixels.shape[:2]
        return self.left <= left and self.top <= top and right <= self.left + width and bottom <= self.top + height

    def cut(self, area: ArrayLike) -> tuple[NDArray[np.uint8], tuple[int, int]]:
        """The pixels of an area that lie in the frame, at least one, and where (left, top) they lie in it."""
        left, top, right, bottom = self._inside(area)
        part = self.pixels[top - self.top : bottom - self.top, left - self.left : right - self.left]
        return part, (left, top)

    def _inside(self, area: ArrayLike) -> tuple[int, int, int, int]:
        x1, y1, x2, y2 = (float(v) for v in np.asarray(area))
        left, top = int(np.clip(np.floor(x1), 0, self.width - 1)), int(np.clip(np.floor(y1), 0, self.height - 1))
        right = int(np.clip(np.ceil(x2), left + 1, self.width))
        bottom = int(np.clip(np.ceil(y2), top + 1, self.height))
        return left, top, right, bottom
