"""From a decoded frame to the pixels that a player shows: turned, mirrored, and with square pixels."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emollama_hf.frames.frame_view import FrameView, inside, resized

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

#: The layout of nearly all recordings: brightness, then two planes of colour at half the size, 8 bits.
_PLANAR = "yuv420p"
_SIZES = 64  # pixels: sides of parts are multiples of it, so that few sizes come
_STEPS = (1, 2, 2)  # pixels a value of a plane stands for, along each side


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


class Converters:
    """FFmpeg's converters for the pictures of one pass, one for each size that comes again and again.

    A converter keeps its tables as long as the size stays; making them takes longer than converting a small picture.
    """

    def __init__(self) -> None:
        from av.video.reformatter import VideoReformatter

        self.whole, self.small, self.part = VideoReformatter(), VideoReformatter(), VideoReformatter()


@dataclass(frozen=True)
class VideoPicture:
    """A decoded frame, held as the decoder made it (half the bytes of RGB).

    pixel_shape: width of one of its pixels over the height.
    """

    _frame: av.VideoFrame
    _converters: Converters
    _pixel_shape: Fraction

    @cached_property
    def nbytes(self) -> int:
        return sum(plane.buffer_size for plane in self._frame.planes)

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, as shown."""
        return shown_size(self._frame, self._pixel_shape)

    def rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB, turned as the file says."""
        width, height = _squared(self._frame, self._pixel_shape)
        return self._shown(width, height, "BICUBIC")

    def resized(self, width: int, height: int) -> NDArray[np.uint8]:
        """(height, width, 3) uint8 RGB, turned as the file says; in one step where it shrinks."""
        if (width, height) == self.size:
            return self.rgb()
        if width > self.size[0] or height > self.size[1]:
            return resized(self.rgb(), width, height)
        if self._has_planes and not (width | height) % 2:
            frame, planes = self._frame, _planes(self._frame)
            small = [resized(plane, width // step, height // step) for plane, step in zip(planes, _STEPS, strict=True)]
            shown = self._converters.small.reformat(_of_planes(small, like=frame), format="rgb24")
            return np.asarray(shown.to_ndarray(), np.uint8)
        is_lying = not orientation(self._frame)[0]
        return self._shown(*((height, width) if is_lying else (width, height)), "AREA")

    def part(self, area: ArrayLike) -> FrameView:
        """The pixels of `rgb` in an area, x1 y1 x2 y2, and a few around; all of them where they cannot be had alone."""
        frame = self._frame
        if not self._has_planes or frame.height % 2:  # colours of an odd height are interpolated, of the part's not
            return FrameView.whole(self.rgb())
        left, top, right, bottom = inside(area, frame.width, frame.height)
        # Four pixels share a colour, and the converter makes pairs of rows.
        left, top = left - left % 2, top - top % 2
        right, bottom = (
            min(start + -(-(end - start) // _SIZES) * _SIZES, length + length % 2)
            for start, end, length in ((left, right, frame.width), (top, bottom, frame.height))
        )
        if right > frame.width or bottom > frame.height:
            return FrameView.whole(self.rgb())
        cut = [
            plane[top // step : bottom // step, left // step : right // step]
            for plane, step in zip(_planes(frame), _STEPS, strict=True)
        ]
        shown = self._converters.part.reformat(_of_planes(cut, like=frame), format="rgb24")
        return FrameView(np.asarray(shown.to_ndarray(), np.uint8), left, top, frame.width, frame.height)

    @cached_property
    def _has_planes(self) -> bool:
        """Whether it is shown as it is stored, with colours at half the size."""
        frame = self._frame
        return frame.format.name == _PLANAR and self._pixel_shape == 1 and orientation(frame) == _UPRIGHT

    def _shown(self, width: int, height: int, interpolation: str) -> NDArray[np.uint8]:
        """Turned, from a frame of that width and height before it is turned."""
        frame = self._frame
        if (width, height) == (frame.width, frame.height):
            shown = self._converters.whole.reformat(frame, format="rgb24")
        else:
            is_whole = (width, height) == _squared(frame, self._pixel_shape)
            converter = self._converters.whole if is_whole else self._converters.small
            shown = converter.reformat(frame, width, height, format="rgb24", interpolation=interpolation)
        pixels = np.asarray(shown.to_ndarray(), np.uint8)
        return np.ascontiguousarray(_TURNS[orientation(frame)](pixels))


def _planes(frame: av.VideoFrame) -> list[NDArray[np.uint8]]:
    """Brightness and the two colours of a planar frame: (h, w) uint8 each, not copied."""
    planes = []
    for plane in frame.planes:
        data: Any = plane  # it has the buffer protocol, and its types do not say so
        planes.append(np.frombuffer(data, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width])
    return planes


def _of_planes(planes: Sequence[NDArray[np.uint8]], like: av.VideoFrame) -> av.VideoFrame:
    """Three planes, the first with an even width and height, as a frame with another's meaning of colours."""
    import av

    height, width = planes[0].shape
    packed = np.empty((height * 3 // 2, width), np.uint8)
    packed[:height] = planes[0]
    packed[height:].reshape(2, height // 2, width // 2)[:] = planes[1], planes[2]
    frame = av.VideoFrame.from_ndarray(packed, format=_PLANAR)
    frame.colorspace, frame.color_range = like.colorspace, like.color_range
    return frame


def shown_size(frame: av.VideoFrame, shape: Fraction) -> tuple[int, int]:
    """Width and height in pixels of a frame as `VideoPicture.rgb` gives it. shape: that of its pixels."""
    width, height = _squared(frame, shape)
    return (width, height) if orientation(frame)[0] else (height, width)


def _squared(frame: av.VideoFrame, shape: Fraction) -> tuple[int, int]:
    width = frame.width if shape == 1 else round(frame.width * shape)  # fractions are slow, and nearly all are 1
    return max(1, width), frame.height
