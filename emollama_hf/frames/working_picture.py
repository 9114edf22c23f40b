"""A frame at the size at which faces are looked for, made once for everybody who looks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.clip import Picture
from emollama_hf.frames.frame_view import resized

LONG_SIDE = 640  # pixels


@dataclass(frozen=True)
class WorkingPicture:
    """A frame whose long side is 640 pixels.

    pixels: (h, w, 3) uint8 RGB.  width, height: of the frame that it was made of, in pixels.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int

    @classmethod
    def of(cls, picture: Picture) -> WorkingPicture:
        """Of a decoded frame."""
        width, height = picture.size
        return cls(picture.resized(*fitting(width, height, LONG_SIDE)), width, height)

    @classmethod
    def of_pixels(cls, pixels: NDArray[np.uint8]) -> WorkingPicture:
        """Of a frame, (H, W, 3) uint8 RGB."""
        height, width = pixels.shape[:2]
        return cls(resized(pixels, *fitting(width, height, LONG_SIDE)), width, height)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels of this picture."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @cached_property
    def half(self) -> NDArray[np.uint8]:
        """(h / 2, w / 2, 3) uint8 RGB, rounded up."""
        return resized(self.pixels, *(-(-side // 2) for side in self.size))

    @cached_property
    def quarter(self) -> NDArray[np.uint8]:
        """(h / 4, w / 4, 3) uint8 RGB, rounded up."""
        return resized(self.half, *(-(-side // 4) for side in self.size))

    @property
    def to_frame(self) -> NDArray[np.float32]:
        """(2,) float32, x y: from these pixels to the frame's. Rounding has changed the two axes differently."""
        return np.array([self.width / self.size[0], self.height / self.size[1]], np.float32)


def fitting(width: int, height: int, long_side: int) -> tuple[int, int]:
    """Width and height in whole pixels, in proportion, with a given long side."""
    scale = long_side / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))
