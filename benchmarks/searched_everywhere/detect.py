"""Faces in one frame: boxes, five landmarks and scores, by YuNet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.faces.face import Face
from emollama_hf.frames.faces.face_network import face_network
from emollama_hf.frames.opencv import one_thread

# Long sides in pixels: the second finds the faces that fill the picture, and is tried where the first finds none.
_LONG_SIDES = (640, 320)

_TILTED = 10.0  # degrees
_UPRIGHT_SIDE, _UPRIGHT_FACE = 256, 150  # of the second look at a tilted face and the face in it, in pixels
_MAX_UPRIGHT = 3  # faces of one frame that get a second look, the surest ones


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
    height, width = pixels.shape[:2]
    scale = long_side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    with one_thread():
        bgr = scaled_bgr(pixels, size)
        found = _faces(face_network().rows(bgr))
        found = [_look_again_upright(bgr, face) if i < _MAX_UPRIGHT else face for i, face in enumerate(found)]
    # Back by the exact ratios: rounding the size has changed the two axes differently.
    ratio = np.array([width / size[0], height / size[1]], np.float32)
    return [Face(face.box * np.tile(ratio, 2), face.landmarks * ratio, face.score) for face in found]


def scaled_bgr(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """A frame, (H, W, 3) uint8 RGB, as the network wants it. size: width and height."""
    import cv2

    resample = cv2.INTER_AREA if size[0] < pixels.shape[1] or size[1] < pixels.shape[0] else cv2.INTER_LINEAR
    scaled = cv2.resize(pixels, size, interpolation=resample)
    return np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2BGR), np.uint8)


def _faces(rows: NDArray[np.float32]) -> list[Face]:
    """Rows of the network as faces, the surest first."""
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
    upright = _faces(
        face_network().rows(np.asarray(cv2.warpAffine(bgr, matrix, side, flags=cv2.INTER_LINEAR), np.uint8))
    )
    near = [f for f in upright if np.abs(f.centre - middle).max() < _UPRIGHT_FACE / 2]
    if not near:
        return face
    back = cv2.invertAffineTransform(matrix)
    landmarks = near[0].landmarks @ back[:, :2].T + back[:, 2]
    return replace(face, landmarks=landmarks.astype(np.float32))
