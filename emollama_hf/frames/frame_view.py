"""A frame, or as much of it as was worth keeping, addressed in the whole frame's pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emollama_hf.frames.opencv import one_thread


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
        left, top, right, bottom = inside(area, self.width, self.height)
        height, width = self.pixels.shape[:2]
        return self.left <= left and self.top <= top and right <= self.left + width and bottom <= self.top + height

    def cut(self, area: ArrayLike) -> tuple[NDArray[np.uint8], tuple[int, int]]:
        """The pixels of an area that lie in the frame, at least one, and where (left, top) they lie in it."""
        left, top, right, bottom = inside(area, self.width, self.height)
        part = self.pixels[top - self.top : bottom - self.top, left - self.left : right - self.left]
        return part, (left, top)


def inside(area: ArrayLike, width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom in whole pixels of the part of an area, x1 y1 x2 y2, in a frame; at least one pixel."""
    # Plain numbers: numpy takes ten times as long for four of them.
    x1, y1, x2, y2 = np.asarray(area, np.float64).tolist()
    left, right = _span(x1, x2, width)
    top, bottom = _span(y1, y2, height)
    return left, top, right, bottom


def _span(start: float, end: float, length: int) -> tuple[int, int]:
    first = math.floor(min(max(start, 0.0), length - 1.0))
    return first, math.ceil(min(max(end, first + 1.0), length))


def resized(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """(H, W) or (H, W, 3) uint8 at another size: averaged where it shrinks, interpolated where it grows.

    It is halved as long as that leaves enough, which takes a tenth of averaging at once, and interpolated from there.
    """
    import cv2

    with one_thread():
        while pixels.shape[1] >= 2 * width and pixels.shape[0] >= 2 * height:
            half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
            pixels = np.asarray(cv2.resize(pixels, half, interpolation=cv2.INTER_AREA), np.uint8)
        if pixels.shape[:2] == (height, width):
            return pixels
        return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
