"""What an opened clip offers, whether it is a video or a stack of pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emollama_hf.frames.frame_view import FrameView


@dataclass(frozen=True)
class ClipInfo:
    """The facts of a clip.

    frame_count: frames that a decoder shows.  fps: frames a second, the mean of a variable rate.
    duration_s: from the first frame's start to the last one's end.  Both are nan for pictures, and for a bare stream
        whose header says no rate.
    width, height: pixels of the (first) frame as shown, that is turned, and with square pixels unless told otherwise.
    """

    frame_count: int
    fps: float
    duration_s: float
    width: int
    height: int


class Picture(Protocol):
    """One decoded frame, in whatever form is cheapest to hold."""

    @property
    def nbytes(self) -> int:
        """Bytes of memory that it keeps alive."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, as shown."""

    def rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB, as shown."""

    def resized(self, width: int, height: int) -> NDArray[np.uint8]:
        """(height, width, 3) uint8 RGB: `rgb` at another size, averaged where it shrinks; cheaper than by way of it."""

    def part(self, area: ArrayLike) -> FrameView:
        """The part of `rgb` that lies in an area, x1 y1 x2 y2; it may hold more, and is cheaper than all of it."""


class Clip(Protocol):
    """An opened clip: frames by number, in one pass, none of them kept."""

    @property
    def info(self) -> ClipInfo: ...

    @property
    def damaged_packets(self) -> int:
        """Packets found missing or not decodable so far; it can grow while frames are read."""

    def pictures(self, indices: Sequence[int] | NDArray[np.int64]) -> Iterator[tuple[int, Picture]]:
        """Number and picture of each wanted frame. indices: ascending, without repetition, 0..frame_count-1."""

    def frames(self, indices: Sequence[int] | NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """`pictures` as (H, W, 3) uint8 RGB arrays."""

    def read_anyway(self, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Of each frame, whether it is cheaper to read than its neighbours, since reading these takes it, too."""

    def time_of(self, number: int) -> float:
        """Seconds from the first frame to a frame; nan where nothing is known of times."""

    def index_at(self, time_s: float) -> int:
        """Number of the frame that is shown at a time in seconds from the first frame."""


def check_indices(indices: Sequence[int] | NDArray[np.int64], frame_count: int) -> list[int]:
    """The wanted frame numbers as a list of int; ValueError unless ascending, unique and inside the clip."""
    numbers = [int(i) for i in indices]
    if any(a >= b for a, b in pairwise(numbers)):
        raise ValueError("frame numbers must be ascending and without repetition")
    if numbers and not 0 <= numbers[0] <= numbers[-1] < frame_count:
        raise ValueError(f"frame numbers {numbers[0]}..{numbers[-1]} of a clip of {frame_count} frames")
    return numbers
