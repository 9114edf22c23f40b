"""Clips that are pictures already: folders, lists of images, arrays, `.npy` files."""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emollama_hf.errors import ClipError
from emollama_hf.frames.clip import ClipInfo, check_indices
from emollama_hf.frames.frame_view import FrameView, resized
from emollama_hf.frames.limits import check_count, check_pixels
from emollama_hf.frames.pictures.npy_stack import NpyStack
from emollama_hf.frames.pictures.pixel_range import PixelRange, PixelValues, check_range_name
from emollama_hf.frames.pictures.single_picture import IMAGE_SUFFIXES, array_to_rgb, is_array, load_picture
from emollama_hf.frames.settings import DEFAULT_LIMITS, DecodeLimits
from emollama_hf.frames.source import check_not_empty, file_status, local_file, local_path

ChannelOrder = Literal["rgb", "bgr"]


@dataclass(frozen=True)
class GivenPicture:
    """A picture as it was given, already RGB."""

    pixels: NDArray[np.uint8]

    @property
    def nbytes(self) -> int:
        return self.pixels.nbytes

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB."""
        return self.pixels

    def resized(self, width: int, height: int) -> NDArray[np.uint8]:
        """(height, width, 3) uint8 RGB."""
        return resized(self.pixels, width, height)

    def part(self, area: ArrayLike) -> FrameView:
        """The part that lies in an area, x1 y1 x2 y2."""
        return FrameView.whole(self.pixels).part(area)


class PictureClip:
    """An opened stack of pictures. Made by `open_pictures`; see `Clip` for what it offers."""

    damaged_packets = 0

    def __init__(self, info: ClipInfo, load: Callable[[int], NDArray[np.uint8]]) -> None:
        self.info = info
        self._load = load

    def pictures(self, indices: Sequence[int] | NDArray[np.int64]) -> Iterator[tuple[int, GivenPicture]]:
        """Number and picture of each wanted frame. indices: ascending, unique, 0..frame_count-1."""
        for number, pixels in self.frames(indices):
            yield number, GivenPicture(pixels)

    def frames(self, indices: Sequence[int] | NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Number and (H, W, 3) uint8 RGB pixels of each wanted frame."""
        for number in check_indices(indices, self.info.frame_count):
            yield number, self._load(number)

    def read_anyway(self, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """See `Clip.read_anyway`: none, since every picture is read by itself."""
        return np.zeros(len(numbers), bool)

    def time_of(self, number: int) -> float:
        """Pictures have no times: nan."""
        return math.nan

    def index_at(self, time_s: float) -> int:
        """Pictures have no times: ClipError("bad_peak")."""
        raise ClipError(
            "bad_peak",
            f"{time_s:g} is a time in seconds, and pictures have none. Give the frame's number (an int).",
        )


@contextmanager
def open_pictures(
    frames: Any,
    *,
    pixel_range: PixelRange | None = None,
    channel_order: ChannelOrder = "rgb",
    limits: DecodeLimits = DEFAULT_LIMITS,
) -> Iterator[PictureClip]:
    """Open pictures as a clip; its rate and duration are nan.

    frames: a folder of images (sorted by name, 2 before 10; hidden and other files are left out), a `.npy` file or a
        (T, H, W, 3) array or nested list, or a list of pictures: PIL images, paths, dicts with "path" and "bytes",
        (H, W, 3) arrays. In a list sizes may differ, and grey and RGBA pictures are converted.
    pixel_range: what float values mean, "0-1" or "0-255"; checked against all of them.
    channel_order: of arrays; image files know their own.
    Raises ClipError: missing_file, empty_file, no_frames, bad_frames, limit_exceeded; ValueError for wrong options.

        >>> with open_pictures(np.zeros((30, 112, 112, 3), np.uint8)) as clip:
        ...     clip.info.frame_count
        30
    """
    check_range_name(pixel_range)
    if channel_order not in get_args(ChannelOrder):
        raise ValueError(f"channel_order is {channel_order!r}; choose 'rgb' or 'bgr'")
    bgr = channel_order == "bgr"
    values = PixelValues(pixel_range)
    with ExitStack() as stack:
        if isinstance(frames, str | os.PathLike):
            frames = _open_path(frames, stack, limits)
        if isinstance(frames, list | tuple):
            frames = _nested_to_array(frames)
        count = len(frames)
        if count == 0:
            raise ClipError("no_frames", "no picture in it. Expected at least one, or remove the row.")
        check_count(count, limits)
        load: Callable[[int], NDArray[np.uint8]]
        if isinstance(frames, list | tuple):
            load = _list_loader(frames, values, bgr, limits)
        else:
            load = _stack_loader(frames, values, bgr, limits)
        values.finish()
        height, width = load(0).shape[:2]
        yield PictureClip(ClipInfo(count, math.nan, math.nan, width, height), load)


def _open_path(source: str | os.PathLike[str], stack: ExitStack, limits: DecodeLimits) -> Any:
    check_not_empty(source)
    path = local_path(source)
    if path is not None and stat.S_ISDIR(file_status(path).st_mode):
        return picture_files(path)
    if not str(source).lower().endswith(".npy"):
        raise ClipError("bad_frames", "neither a folder nor a .npy file. A single picture belongs in a list.")
    local = stack.enter_context(local_file(source, limits))
    assert isinstance(local, Path)
    return NpyStack(local)


def picture_files(folder: Path) -> list[Path]:
    """The image files of a folder in the order of their names, 2 before 10; ClipError("no_frames") without any."""
    try:
        entries = sorted(folder.iterdir(), key=lambda path: natural_key(path.name))
    except OSError as error:
        raise ClipError("missing_file", f"a folder that cannot be read ({error.strerror}). Check it.") from error
    files = [p for p in entries if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith(".") and p.is_file()]
    if not files:
        raise ClipError(
            "no_frames",
            f"a folder without pictures ({len(entries)} other entries). Expected files named "
            f"{', '.join('*' + suffix for suffix in IMAGE_SUFFIXES)}.",
        )
    return files


def natural_key(name: str) -> tuple[list[tuple[int, str]], str]:
    """Sort key under which frame2 comes before frame10; the name itself decides between 1 and 01."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(int(p), "") if p[0].isdigit() else (-1, p.lower()) for p in parts], name


def _nested_to_array(frames: Sequence[Any]) -> Any:
    """Nested lists of numbers as one array; any other list as it is."""
    if not frames or not isinstance(frames[0], list | tuple | int | float):
        return frames
    try:
        return np.asarray(frames)
    except ValueError as error:
        raise ClipError("bad_frames", f"nested lists of unequal lengths ({error}); expected (T, H, W, 3).") from error


def _stack_loader(
    frames: Any, values: PixelValues, bgr: bool, limits: DecodeLimits
) -> Callable[[int], NDArray[np.uint8]]:
    if not is_array(frames):
        raise ClipError("bad_frames", f"{type(frames).__name__}; expected a folder, a list of pictures or an array.")
    shape = tuple(frames.shape)
    if len(shape) != 4 or shape[3] != 3 or 0 in shape:
        hint = " The channels seem to come first: transpose it." if len(shape) == 4 and shape[1] == 3 else ""
        hint = " A single picture belongs in a list." if len(shape) == 3 else hint
        raise ClipError("bad_frames", f"an array of shape {shape}; expected (T, H, W, 3).{hint}")
    check_pixels(shape[2], shape[1], limits)  # before a frame of a file is read

    def load(number: int) -> NDArray[np.uint8]:
        return array_to_rgb(np.asarray(frames[number]), f"frame {number}", values, bgr, limits)

    for number in range(shape[0]):
        values.check(np.asarray(frames[number]), f"frame {number}")
        if str(frames.dtype) in ("uint8", "torch.uint8"):
            break  # nothing to find in the values themselves
    return load


def _list_loader(
    frames: Sequence[Any], values: PixelValues, bgr: bool, limits: DecodeLimits
) -> Callable[[int], NDArray[np.uint8]]:
    for number, picture in enumerate(frames):
        if is_array(picture):
            values.check(np.asarray(picture), f"frame {number}")

    def load(number: int) -> NDArray[np.uint8]:
        picture = frames[number]
        name = f"frame {number} ({picture.name})" if isinstance(picture, Path) else f"frame {number}"
        return load_picture(picture, name, values, bgr, limits)

    return load
