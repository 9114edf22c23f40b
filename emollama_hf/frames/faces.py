"""Faces in one frame: boxes, five landmarks and scores, by YuNet."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from threading import local
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .opencv import errors_only, one_thread

# Landmarks in the order of YuNet; left and right as in the picture.
LEFT_EYE, RIGHT_EYE, NOSE, LEFT_MOUTH, RIGHT_MOUTH = range(5)

# Long sides in pixels: the second finds the faces that fill the picture, and is tried where the first finds none.
_LONG_SIDES = (640, 320)

_SCORE_THRESHOLD = 0.6
_OVERLAP_THRESHOLD = 0.3  # of boxes of one face, as in OpenCV's own example
_TOP_K = 5000


@dataclass(frozen=True)
class Face:
    """One detected face, in pixels of its frame.

    box: (4,) float32, x1 y1 x2 y2; it may reach beyond the frame.
    landmarks: (5, 2) float32, x y of both eyes, nose and both mouth corners.
    score: 0..1.
    """

    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    score: float

    @property
    def size(self) -> float:
        """Square root of the box's area, in pixels."""
        width, height = self.box[2:] - self.box[:2]
        return float(np.sqrt(max(width, 0.0) * max(height, 0.0)))

    @property
    def centre(self) -> NDArray[np.float32]:
        """(2,) float32, x y of the box's middle."""
        return ((self.box[:2] + self.box[2:]) / 2).astype(np.float32)

    @property
    def frontality(self) -> float:
        """1 where the nose lies midway between the eyes, 0 where it lies at or beyond one of them."""
        left, right, nose = self.landmarks[LEFT_EYE], self.landmarks[RIGHT_EYE], self.landmarks[NOSE]
        axis = right - left
        length = float(axis @ axis)
        if length == 0:
            return 0.0
        along = float((nose - left) @ axis) / length
        return max(0.0, 1.0 - abs(2.0 * along - 1.0))


def detect_faces(pixels: NDArray[np.uint8]) -> list[Face]:
    """All faces of one frame, in descending order of their scores.

    pixels: (H, W, 3) uint8 RGB of any size.
    Source: YuNet 2023mar of the OpenCV Zoo through OpenCV's FaceDetectorYN, at 640 pixels and, where nothing is
    found, again at 320 (recall falls for faces that are large in the network's input).

        >>> detect_faces(np.zeros((240, 320, 3), np.uint8))
        []
    """
    for long_side in _LONG_SIDES:
        faces = _detect_at(pixels, long_side)
        if faces:
            return faces
    return []


def _detect_at(pixels: NDArray[np.uint8], long_side: int) -> list[Face]:
    import cv2

    height, width = pixels.shape[:2]
    scale = long_side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    with one_thread():
        resample = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        scaled = cv2.resize(pixels, size, interpolation=resample)
        detector = _detector()
        detector.setInputSize(size)
        _, rows = detector.detect(cv2.cvtColor(scaled, cv2.COLOR_RGB2BGR))
    if rows is None:
        return []
    # Back by the exact ratios: rounding the size has changed the two axes differently.
    ratio = np.array([width / size[0], height / size[1]], np.float32)
    found = []
    for row in np.asarray(rows, np.float32):
        if np.isfinite(row).all():
            corners = np.stack([row[:2], row[:2] + row[2:4]]) * ratio
            found.append(Face(corners.reshape(4), row[4:14].reshape(5, 2) * ratio, float(row[14])))
    return sorted(found, key=lambda face: -face.score)


_per_thread = local()


def _detector() -> Any:
    # A detector remembers the input size between two calls, so threads must not share one; a forked worker
    # makes its own.
    if getattr(_per_thread, "process", None) != os.getpid():
        _per_thread.process, _per_thread.detector = os.getpid(), _new_detector()
    return _per_thread.detector


def _new_detector() -> Any:
    import cv2

    # From memory, since OpenCV opens no files with some non-ASCII names on some systems. The OpenCV 5 engine
    # warns that it ignores the (default) target: nothing that a user could act on.
    with errors_only():
        return cv2.FaceDetectorYN.create(
            "onnx",
            _weights(),
            np.zeros(0, np.uint8),
            (320, 320),
            _SCORE_THRESHOLD,
            _OVERLAP_THRESHOLD,
            _TOP_K,
        )


@cache
def _weights() -> NDArray[np.uint8]:
    data = files("emollama_hf") / "data" / "face_detection_yunet_2023mar.onnx"
    return np.frombuffer(data.read_bytes(), np.uint8)
