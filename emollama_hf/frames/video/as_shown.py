"""From a decoded frame to the pixels that a player shows: turned, mirrored, and with square pixels."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import av

PixelAspect = Literal["square", "stored"]

_WIDEST = 10  # times as wide as high, or as high as wide: beyond, a pixel's shape is a mistake in the header

# By the rows of the upper left of a display matrix, signs only: (x, y) of a stored pixel go to (a x + c y, b x + d y).
_TURNS: dict[tuple[int, int, int, int], Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    (1, 0, 0, 1): lambda p: p,
    (0, 1, -1, 0): lambda p: np.rot90(p, -1),
    (-1, 0, 0, -1): lambda p: np.rot90(p, 2),
    (0, -1, 1, 0): lambda p: np.rot90(p, 1),
    (-1, 0, 0, 1): lambda p: p[:, ::-1],
    (1, 0, 0, -1): lambda p: p[::-1],
    (0, 1, 1, 0): lambda p: p.swapaxes(0, 1),
    (0, -1, -1, 0): lambda p: np.rot90(p, 2).swapaxes(0, 1),
}
_UPRIGHT = (1, 0, 0, 1)


def orientation(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """The nearest of the eight ways to show a frame: its display matrix a b c d in -1, 0, 1."""
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return _UPRIGHT
    a, b, _, c, d, *_ = struct.unpack_from("=9i", bytes(matrix))
    along = abs(a) + abs(d) >= abs(b) + abs(c)
    signs = (_sign(a), 0, 0, _sign(d)) if along else (0, _sign(b), _sign(c), 0)
    return signs if signs in _TURNS else _UPRIGHT


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


def pixel_shape(stream: Any, aspect: PixelAspect) -> Fraction:
    """Width of a stored pixel over its height, as the file says; 1 for aspect="stored", or where it says nothing."""
    declared = stream.sample_aspect_ratio
    if aspect == "stored" or not declared or not 1 / _WIDEST <= declared <= _WIDEST:
        return Fraction(1)
    return Fraction(declared)


@dataclass(frozen=True)
class VideoPicture:
    """A decoded frame, held as the decoder made it (half the bytes of RGB).

    pixel_shape: width of one of its pixels over the height.
    """

    _frame: av.VideoFrame
    _reformatter: Any
    _pixel_shape: Fraction

    @property
    def nbytes(self) -> int:
        return sum(plane.buffer_size for plane in self._frame.planes)

    def rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB, turned as the file says."""
        if self._pixel_shape == 1:
            shown = self._reformatter.reformat(self._frame, format="rgb24")
        else:
            width, height = _squared(self._frame, self._pixel_shape)
            shown = self._reformatter.reformat(self._frame, width, height, format="rgb24", interpolation="BICUBIC")
        pixels: NDArray[np.uint8] = shown.to_ndarray()
        return np.ascontiguousarray(_TURNS[orientation(self._frame)](pixels))


def shown_size(frame: av.VideoFrame, shape: Fraction) -> tuple[int, int]:
    """Width and height in pixels of a frame as `VideoPicture.rgb` gives it. shape: that of its pixels."""
    width, height = _squared(frame, shape)
    return (width, height) if orientation(frame)[0] else (height, width)


def _squared(frame: av.VideoFrame, shape: Fraction) -> tuple[int, int]:
    return max(1, round(frame.width * shape)), frame.height
