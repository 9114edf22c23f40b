"""Faces in one frame: boxes, five landmarks and scores, by YuNet."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from threading import local
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.opencv import errors_only, one_thread

# Landmarks in the order of YuNet; left and right as in the picture.
LEFT_EYE, RIGHT_EYE, NOSE, LEFT_MOUTH, RIGHT_MOUTH = range(5)

# Long sides in pixels: the second finds the faces that fill the picture, and is tried where the first finds none.
_LONG_SIDES = (640, 320)

_SCORE_THRESHOLD = 0.6
_OVERLAP_THRESHOLD = 0.3  # of boxes of one face, as in OpenCV's own example
_TOP_K = 5000

_TILTED = 10.0  # degrees
_UPRIGHT_SIDE, _UPRIGHT_FACE = 256, 150  # of the second look at a tilted face and the face in it, in pixels
_MAX_UPRIGHT = 3  # faces of one frame that get a second look, the surest ones


@dataclass(frozen=True)
class Face:
    """One detected face, in pixels of its frame.

    box: (4,) float32, x1 y1 x2 y2; it may reach beyond the frame.
    landmarks: (5, 2) float32, x y of both eyes, nose and both mouth corners.
    score: 0..1.
    appearance: what `face_appearance` returns of it; None where nobody asked.
    """

    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    score: float
    appearance: NDArray[np.float32] | None = None

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
    def roll(self) -> float:
        """Degrees by which the line of the eyes is turned clockwise, -180..180."""
        x, y = self.landmarks[RIGHT_EYE] - self.landmarks[LEFT_EYE]
        return float(np.degrees(np.arctan2(y, x)))

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
    found, again at 320 (recall falls for faces that are large in the network's input). Landmarks of tilted faces
    are looked for again upright.

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
        bgr = np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2BGR), np.uint8)
        found = _faces(detector.detect(bgr)[1])
        found = [_look_again_upright(bgr, face) if i < _MAX_UPRIGHT else face for i, face in enumerate(found)]
    # Back by the exact ratios: rounding the size has changed the two axes differently.
    ratio = np.array([width / size[0], height / size[1]], np.float32)
    return [Face(face.box * np.tile(ratio, 2), face.landmarks * ratio, face.score) for face in found]


def _faces(rows: NDArray[np.float32] | None) -> list[Face]:
    """Rows of the detector (x, y, width, height, five landmarks, score) as faces, the surest first."""
    rows = np.zeros((0, 15), np.float32) if rows is None else np.asarray(rows, np.float32)
    rows = rows[np.isfinite(rows).all(1)]
    faces = [Face(np.r_[row[:2], row[:2] + row[2:4]], row[4:14].reshape(5, 2), float(row[14])) for row in rows]
    return sorted(faces, key=lambda face: -face.score)


def _look_again_upright(bgr: NDArray[np.uint8], face: Face) -> Face:
    """A tilted face with the landmarks that are found when it is turned upright; any other as it is.

    YuNet sees a head at 30 degrees and draws its landmarks at 20. On portraits turned by 15 to 40 degrees the eyes
    and mouth corners of a crop came to lie 8 pixels of 112 away from where they belong, and 5.5 after this.
    """
    import cv2

    if abs(face.roll) < _TILTED or face.size == 0:
        return face
    middle = _UPRIGHT_SIDE / 2
    x, y = (float(v) for v in face.centre)
    matrix = cv2.getRotationMatrix2D((x, y), face.roll, _UPRIGHT_FACE / face.size)
    matrix[:, 2] += np.array([middle - x, middle - y])
    side = (_UPRIGHT_SIDE, _UPRIGHT_SIDE)
    detector = _detector()
    detector.setInputSize(side)
    upright = _faces(detector.detect(cv2.warpAffine(bgr, matrix, side, flags=cv2.INTER_LINEAR))[1])
    near = [f for f in upright if np.abs(f.centre - middle).max() < _UPRIGHT_FACE / 2]
    if not near:
        return face
    back = cv2.invertAffineTransform(matrix)
    landmarks = near[0].landmarks @ back[:, :2].T + back[:, 2]
    return replace(face, landmarks=landmarks.astype(np.float32))


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
