"""Values of given pictures: what range they are said to have, whether they do, and how they become 8 bits."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from emollama_hf.errors import ClipError

PixelRange = Literal["0-1", "0-255"]

_TOP = {"0-1": 1.0, "0-255": 255.0}


def check_range_name(pixel_range: str | None) -> None:
    """ValueError unless None or one of the two ranges."""
    if pixel_range is not None and pixel_range not in get_args(PixelRange):
        raise ValueError(f"pixel_range is {pixel_range!r}; choose None, '0-1' or '0-255'")


class PixelValues:
    """Checks the arrays of one clip, one after another, and converts them to uint8.

    pixel_range: what their values are said to be. Floats need one: nobody can see whether 0.8 is bright or black.
    """

    def __init__(self, pixel_range: PixelRange | None) -> None:
        self._range = pixel_range
        self._maximum = -np.inf
        self._has_floats = False

    def check(self, pixels: NDArray[np.generic], where: str) -> None:
        """ClipError("bad_frames") for another dtype, NaN, infinity, or values outside the range."""
        kind = pixels.dtype.kind
        if kind not in "iuf":
            raise ClipError(
                "bad_frames", f"{where}: dtype {pixels.dtype}; expected uint8, or float with a pixel_range."
            )
        if kind in "iu" and self._range == "0-1":
            raise ClipError(
                "bad_frames",
                f"{where}: {pixels.dtype} values, but pixel_range='0-1' is declared. Whole numbers are 0..255: leave "
                "pixel_range out.",
            )
        if pixels.dtype == np.uint8 or not pixels.size:
            return
        low, high = float(pixels.min()), float(pixels.max())  # NaN, where there is one, comes through both
        if not (np.isfinite(low) and np.isfinite(high)):
            bad = int(pixels.size - np.isfinite(pixels.astype(np.float64)).sum())
            raise ClipError(
                "bad_frames",
                f"{where}: {bad} of {pixels.size} values are NaN or infinite. Repair the file, or remove it.",
            )
        if kind == "f" and self._range is None:
            raise ClipError(
                "bad_frames",
                f"{where}: {pixels.dtype} values from {low:g} to {high:g}, and their range is not declared. Say "
                "pixel_range='0-1' or pixel_range='0-255'.",
            )
        top = _TOP["0-255" if kind in "iu" else self._range or "0-255"]
        slack = 0.0 if kind in "iu" else 0.5 * top / 255  # what rounds to 0..255 is inside
        if low < -slack or high > top + slack:
            raise ClipError(
                "bad_frames",
                f"{where}: values from {low:g} to {high:g} do not lie in 0..{top:g}. "
                + (
                    "pixel_range='0-255' would hold them." if top == 1 and high <= 255 and low >= 0 else "Rescale them."
                ),
            )
        self._maximum = max(self._maximum, high)
        self._has_floats = self._has_floats or kind == "f"

    def finish(self) -> None:
        """After the last array: ClipError("bad_frames") where "0-255" is declared and all values are 0..1."""
        if self._has_floats and self._range == "0-255" and 0 < self._maximum <= 1:
            raise ClipError(
                "bad_frames",
                f"pixel_range='0-255' is declared, but the largest value of all is {self._maximum:g}, which would be "
                "black. If white is 1, say pixel_range='0-1'.",
            )

    def convert(self, pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Checked values as uint8, floats rounded to the nearest (half to even)."""
        if pixels.dtype == np.uint8:
            return np.asarray(pixels, np.uint8)
        if pixels.dtype.kind in "iu":
            return pixels.astype(np.uint8)
        scale = 255.0 if self._range == "0-1" else 1.0
        return np.clip(np.rint(pixels.astype(np.float32) * scale), 0, 255).astype(np.uint8)
