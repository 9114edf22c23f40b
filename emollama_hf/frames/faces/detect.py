"""Faces in one frame or in a part of it: boxes, five landmarks and scores, by YuNet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.faces.face import Face
from emollama_hf.frames.faces.face_network import face_network
from emollama_hf.frames.opencv import one_thread
from emollama_hf.frames.working_picture import WorkingPicture

_TILTED, _WAVERS = 10.0, 3.0  # degrees, and how much less a face may have had in another frame
_UPRIGHT_SIDE, _UPRIGHT_FACE = 256, 150  # of the second look at a tilted face and the face in it, in pixels
_MAX_UPRIGHT = 3  # faces of one frame that get a second look, the surest ones

_GRID = 32  # pixels: the network's largest stride


def detect_faces(pixels: NDArray[np.uint8]) -> list[Face]:
    """All faces of one frame, in descending order of their scores.

    pixels: (H, W, 3) uint8 RGB of any size.

        >>> detect_faces(np.zeros((240, 320, 3), np.uint8))
        []
    """
    working = WorkingPicture.of_pixels(pixels)
    return [face.scaled(working.to_frame) for face in all_faces(working)]


def all_faces(working: WorkingPicture) -> list[Face]:
    """All faces of a frame, in the working picture's pixels, in descending order of their scores.

    Source: YuNet 2023mar of the OpenCV Zoo, at 640 pixels and, where nothing is found, again at 320 (recall falls for
    faces that are large in the network's input). Landmarks of tilted faces are looked for again upright.
    """
    faces = _faces_of(working.pixels)
    if not faces:
        return _to_working(working, working.half, _upright(working.half, _faces_of(working.half)))
    return _upright(working.pixels, faces)


def clear_faces(working: WorkingPicture, quarter: bool = False) -> list[Face]:
    """Faces that are found at half the size, at a quarter of the time of `all_faces`, and less exactly: not the small
    ones.

    quarter: at a quarter of the size and a sixteenth of the time, and only the large ones.
    """
    small = working.quarter if quarter else working.half
    return _to_working(working, small, _faces_of(small))


def faces_in(
    working: WorkingPicture, box: NDArray[np.floating], roughly: bool = False
) -> tuple[list[Face], NDArray[np.int64]]:
    """Faces that are found in a part of the working picture, as `all_faces` finds them there; and that part.

    box: what the part has to hold, x1 y1 x2 y2.  roughly: at half the size, as `clear_faces`.
    The part begins at multiples of the network's strides, and nothing is resized: so the network sees a face that has
    enough around it as it does in the whole picture, to a fraction of a pixel. At another size, or a few pixels
    further, its landmarks move by several pixels of a crop.
    """
    window = window_of(working, box)
    x1, y1, x2, y2 = (-(-window // 2) if roughly else window).tolist()
    searched = working.half if roughly else working.pixels
    corner = np.array([x1, y1], np.float32)
    faces = [
        replace(f, box=f.box + np.tile(corner, 2), landmarks=f.landmarks + corner)
        for f in _faces_of(searched[y1:y2, x1:x2])
    ]
    return _to_working(working, searched, faces) if roughly else _upright(searched, faces), window


def window_of(working: WorkingPicture, box: NDArray[np.floating]) -> NDArray[np.int64]:
    """The part of the working picture that `faces_in` looks at, x1 y1 x2 y2."""
    limits = np.array(working.size * 2)
    low = np.clip(np.floor(box[:2] / _GRID) * _GRID, 0, (limits[:2] - 1) // _GRID * _GRID)
    high = np.clip(np.ceil(box[2:] / _GRID) * _GRID, low + _GRID, None)
    return np.minimum(np.concatenate([low, high]), limits).astype(np.int64)


def _to_working(working: WorkingPicture, small: NDArray[np.uint8], faces: list[Face]) -> list[Face]:
    """Faces of a smaller picture of the same frame, in pixels of the working picture."""
    height, width = small.shape[:2]
    ratio = np.array([working.size[0] / width, working.size[1] / height], np.float32)
    return [face.scaled(ratio) for face in faces]


def _faces_of(pixels: NDArray[np.uint8]) -> list[Face]:
    """Faces of a picture or a part of one, (H, W, 3) uint8 RGB, as they are found at first."""
    return _faces(face_network().rows(_bgr(pixels)))


def _bgr(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    with one_thread():
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2BGR), np.uint8)


def _faces(rows: NDArray[np.float32]) -> list[Face]:
    """Rows of the network as faces, the surest first."""
    rows = rows[np.isfinite(rows).all(1)]
    faces = [Face(np.r_[row[:2], row[:2] + row[2:4]], row[4:14].reshape(5, 2), float(row[14])) for row in rows]
    return sorted(faces, key=lambda face: -face.score)


def _upright(pixels: NDArray[np.uint8], faces: list[Face]) -> list[Face]:
    return [_look_again_upright(pixels, face) if i < _MAX_UPRIGHT else face for i, face in enumerate(faces)]


def upright_pixels(expected: Sequence[Face]) -> int:
    """Pixels that second looks at faces take which are about as tilted as is expected."""
    return min(sum(abs(face.roll) >= _TILTED - _WAVERS for face in expected), _MAX_UPRIGHT) * _UPRIGHT_SIDE**2


def _look_again_upright(pixels: NDArray[np.uint8], face: Face) -> Face:
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
    with one_thread():
        turned = np.asarray(cv2.warpAffine(pixels, matrix, side, flags=cv2.INTER_LINEAR), np.uint8)
    upright = _faces_of(turned)
    near = [f for f in upright if np.abs(f.centre - middle).max() < _UPRIGHT_FACE / 2]
    if not near:
        return face
    back = cv2.invertAffineTransform(matrix)
    landmarks = near[0].landmarks @ back[:, :2].T + back[:, 2]
    return replace(face, landmarks=landmarks.astype(np.float32))
