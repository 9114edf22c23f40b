"""Whether a face still looks as it did in a frame nearby, so that its place between two detections may be trusted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.frame_view import inside
from emollama_hf.frames.opencv import one_thread

_SIDE = 24  # pixels of a patch


def face_grey(pixels: NDArray[np.uint8], box: NDArray[np.floating]) -> NDArray[np.float32]:
    """The brightness of what a box, x1 y1 x2 y2, holds: (24, 24) float32 with mean 0 and length 1 (0 if it is flat)."""
    import cv2

    height, width = pixels.shape[:2]
    left, top, right, bottom = inside(box, width, height)
    part = np.ascontiguousarray(pixels[top:bottom, left:right])
    with one_thread():
        small = cv2.resize(part, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey -= grey.mean()
    length = float(np.linalg.norm(grey))
    return grey / length if length > _SIDE else np.zeros_like(grey)


def alike(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Correlation of two patches of `face_grey`, -1..1; 0 with a flat one."""
    return float((a * b).sum())
