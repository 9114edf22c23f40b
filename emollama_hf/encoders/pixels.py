"""Resizing of 8-bit pictures exactly as the original does it; needs numpy and Pillow only."""

from __future__ import annotations

from typing import Literal

import numpy as np
from PIL import Image

Resample = Literal["bilinear", "bicubic"]

_FILTERS: dict[str, Image.Resampling] = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


def resize_uint8(image: np.ndarray, size: tuple[int, int], resample: Resample = "bilinear") -> np.ndarray:
    """One 8-bit RGB picture at another size, the aspect ratio ignored, antialiased when it shrinks.

    image: (H, W, 3) uint8.  size: (height, width) in pixels, as in array shapes.
    resample: "bilinear" (frames of the two encoders) or "bicubic" (the peak frame).
    Returns (height, width, 3) uint8, an array of its own.
    Raises ValueError for another shape, dtype or filter, and for a size below one pixel.

        >>> resize_uint8(np.zeros((120, 96, 3), np.uint8), (224, 224)).shape
        (224, 224, 3)

    Source: Pillow 10.1 under torchvision, as the original ran it: rounded to 8 bits between the two passes.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise ValueError(f"resize_uint8: expected an (H, W, 3) uint8 picture, got {image.shape} {image.dtype}")
    if resample not in _FILTERS:
        raise ValueError(f"resize_uint8: resample is {resample!r}; choose one of {', '.join(_FILTERS)}")
    height, width = size
    if height < 1 or width < 1:
        raise ValueError(f"resize_uint8: size (height, width) must be at least (1, 1), got {tuple(size)}")
    picture = Image.fromarray(np.ascontiguousarray(image))
    # Two calls, the width first: Pillow 13 swaps its passes for some tall pictures, which moves a fifth of
    # the values by one grey level (tests/encoders/test_pixels.py::test_tall_peak_frame_on_every_pillow).
    picture = picture.resize((width, picture.height), _FILTERS[resample])
    picture = picture.resize((width, height), _FILTERS[resample])
    return np.array(picture)


def resize_stack(frames: np.ndarray, size: tuple[int, int], resample: Resample = "bilinear") -> np.ndarray:
    """`resize_uint8` of every frame: (T, H, W, 3) uint8 to (T, height, width, 3) uint8."""
    if frames.ndim != 4:
        raise ValueError(f"resize_stack: expected (T, H, W, 3) uint8 frames, got {frames.shape} {frames.dtype}")
    if frames.shape[1:3] == tuple(size) and frames.dtype == np.uint8 and frames.shape[3] == 3:
        return frames
    resized = np.empty((len(frames), *size, 3), np.uint8)
    for index, frame in enumerate(frames):
        resized[index] = resize_uint8(frame, size, resample)
    return resized
