"""What a face looks like, coarsely: enough to tell two people of one shot apart, not to know anybody again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.opencv import one_thread

#: Distances of appearance. Up to SAME a face is taken for the same, from OTHER on for another's. One face drawn at
#: several sizes and places: 0 to 0.12; four drawn people: 0.19 to 0.49. One photograph turned, smaller, darker: 0.05 to
#: 0.28; four photographs of two people in other lights: 0.16 to 0.45. So looks alone do not tell: they weigh beside the
#: distance.
SAME, OTHER = 0.1, 0.4

_MARGIN = 0.15  # of the box's sides, around it: hair belongs to what a face looks like
_PATCH, _CELLS = 24, 4  # pixels a side, cells a side
_FLOOR = 4.0  # grey levels added before the logarithm, which keeps the noise of nearly black pixels small
_EXPOSURE = 0.5  # of a change of all cells alike that is ignored: light on a face flickers, and skin tones differ


def face_appearance(pixels: NDArray[np.uint8], box: NDArray[np.floating]) -> NDArray[np.float32]:
    """Colours of a face and its hair, for `appearance_distances`.

    pixels: (H, W, 3) uint8 RGB.  box: x1 y1 x2 y2 in its pixels; what lies outside the frame is left out.
    Returns (48,) float32: logarithms of the mean red, green and blue of 4 x 4 cells, less half of their mean.
    """
    import cv2

    height, width = pixels.shape[:2]
    margin = _MARGIN * (box[2:] - box[:2])
    left, top = np.clip(np.floor(box[:2] - margin), 0, [width - 1, height - 1]).astype(int)
    right, bottom = np.clip(np.ceil(box[2:] + margin), [left + 1, top + 1], [width, height]).astype(int)
    with one_thread():
        part = np.ascontiguousarray(pixels[top:bottom, left:right])
        patch = cv2.resize(part, (_PATCH, _PATCH), interpolation=cv2.INTER_AREA).astype(np.float32)
        cells = cv2.resize(patch, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
    colours = np.log(cells.reshape(-1) + _FLOOR)
    return np.asarray(colours - _EXPOSURE * colours.mean(), np.float32)


def appearance_distances(
    a: Sequence[NDArray[np.floating] | None], b: Sequence[NDArray[np.floating] | None]
) -> NDArray[np.float64]:
    """(len(a), len(b)) float64: mean absolute difference of two appearances, 0 for equal ones; NaN if one is unknown.

    See `SAME` and `OTHER` for what it means.
    """
    unknown = np.full(_CELLS * _CELLS * 3, np.nan)
    others = np.stack([unknown if one is None else one for one in b])
    return np.stack([np.abs((unknown if one is None else one) - others).mean(1) for one in a]).astype(np.float64)
