"""Face crops: aligned and masked as OpenFace does it, aligned only, or a plain square."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.faces.face import LEFT_EYE, LEFT_MOUTH, RIGHT_EYE, RIGHT_MOUTH
from emollama_hf.frames.frame_view import FrameView
from emollama_hf.frames.opencv import one_thread

DETAIL = 112  # height and width of an OpenFace crop in pixels; a larger crop shows no more than that

# Where OpenFace (scale 0.7) puts the eyes and the mouth corners, x y in an image of 112 pixels.
TEMPLATE = np.array([[33, 29], [79, 29], [36, 76], [76, 76]], np.float64)
TEMPLATE_POINTS = [LEFT_EYE, RIGHT_EYE, LEFT_MOUTH, RIGHT_MOUTH]  # of a face's landmarks

_BOX_MARGIN = 0.1  # of the longer side, on each side of crop="box"


def aligned_crop(view: FrameView, landmarks: NDArray[np.float32], size: int, mask: bool) -> NDArray[np.uint8]:
    """A face turned and scaled so that eyes and mouth corners come to lie where OpenFace has them.

    view: the frame, or a part of it that holds `aligned_area`.  landmarks: (5, 2) float32, in the frame's pixels.
    mask: black outside the face, as OpenFace's default.  Returns (size, size, 3) uint8.
    Source: OpenFace 2, FeatureExtraction with its defaults (112 pixels, scale 0.7, background masked), whose
    landmarks are 68. Different on purpose: four points instead of its rigid ones, a fixed outline instead of the
    landmarks' hull, and faces of more than four times the detail are averaged down first, since its plain bilinear
    sampling would drop most of their pixels.
    """
    import cv2

    from emollama_hf.encoders.pixels import resize_uint8

    matrix = similarity(landmarks[TEMPLATE_POINTS], TEMPLATE)
    with one_thread():
        shrunk, matrix = _average_down(view, matrix)
        warped = cv2.warpAffine(shrunk, matrix, (DETAIL, DETAIL), flags=cv2.INTER_LINEAR)
    crop = np.asarray(warped, np.uint8)
    if mask:
        crop = crop * face_mask()[..., None]
    return resize_uint8(crop, (size, size))


def similarity(points: NDArray[np.floating], template: NDArray[np.floating]) -> NDArray[np.float64]:
    """The turn, scale and shift, (2, 3) float64, that brings points (N, 2) closest to a template (N, 2)."""
    # As complex numbers it is w = a z + b, and least squares has a closed form. A mirror image cannot come out.
    z = np.asarray(points, np.float64) @ np.array([1, 1j])
    w = np.asarray(template, np.float64) @ np.array([1, 1j])
    zc, wc = z - z.mean(), w - w.mean()
    a = np.vdot(zc, wc) / max(np.vdot(zc, zc).real, np.finfo(float).tiny)
    b = w.mean() - a * z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def aligned_area(landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """The part of a frame that `aligned_crop` reads: (4,), x1 y1 x2 y2, possibly beyond the frame."""
    return _area(similarity(landmarks[TEMPLATE_POINTS], TEMPLATE))


def _area(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    if np.hypot(matrix[0, 0], matrix[1, 0]) <= 0:
        return np.zeros(4)
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
    corners = np.array([[0, 0, 1], [DETAIL, 0, 1], [0, DETAIL, 1], [DETAIL, DETAIL, 1]]) @ inverse.T
    margin = 2 * _shrink_factor(matrix)
    return np.concatenate([np.floor(corners.min(0)) - margin, np.ceil(corners.max(0)) + margin])


def _shrink_factor(matrix: NDArray[np.float64]) -> int:
    """By how much to average a picture down before a warp, so that the warp itself shrinks by 4 at most."""
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))  # crop pixels per picture pixel
    return int(0.5 / scale) if 0 < scale <= 0.25 else 1


def _average_down(view: FrameView, matrix: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The part of a frame that a warp to 112 pixels reads, shrunk by a whole factor, and the warp from there."""
    import cv2

    factor = _shrink_factor(matrix)
    part, (left, top) = view.cut(_area(matrix))
    if factor > 1 and min(part.shape[:2]) >= factor:
        new_size = (part.shape[1] // factor, part.shape[0] // factor)
        part = part[: new_size[1] * factor, : new_size[0] * factor]
        shrunk = cv2.resize(np.ascontiguousarray(part), new_size, interpolation=cv2.INTER_AREA)
        part = np.asarray(shrunk, np.uint8)
    else:
        factor = 1
    # Pixel i of the shrunk part covers pixels left + factor * i ... of the picture; centres, not corners.
    offset = np.array([left, top]) + (factor - 1) / 2
    moved = np.column_stack([matrix[:, :2] * factor, matrix[:, 2] + matrix[:, :2] @ offset])
    return np.ascontiguousarray(part), moved


@cache
def face_mask() -> NDArray[np.uint8]:
    """(112, 112) uint8, 1 on the face and 0 outside: upright sides down to the nose, then half an ellipse."""
    y, x = np.mgrid[:DETAIL, :DETAIL]
    upper = (y <= 46) & (x >= 5) & (x <= 107)
    lower = (y > 46) & (((x - 56) / 51) ** 2 + ((y - 46) / 64) ** 2 <= 1)
    return (upper | lower).astype(np.uint8)


def box_crop(view: FrameView, box_xyxy: NDArray[np.float32], size: int) -> NDArray[np.uint8]:
    """The square around a face box with a margin, black beyond the frame: (size, size, 3) uint8.

    view: the frame, or a part of it that holds `box_area`.
    """
    import cv2

    from emollama_hf.encoders.pixels import resize_uint8

    area = box_area(box_xyxy)
    side = int(area[2] - area[0])
    inside, (left, top) = view.cut(area)
    square = np.zeros((side, side, 3), np.uint8)
    y, x = min(max(top - int(area[1]), 0), side), min(max(left - int(area[0]), 0), side)
    inside = inside[: side - y, : side - x]
    square[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    if side > 4 * DETAIL:  # never more detail than a crop holds; and cheaper
        with one_thread():
            shrunk = cv2.resize(square, (2 * DETAIL, 2 * DETAIL), interpolation=cv2.INTER_AREA)
        square = np.asarray(shrunk, np.uint8)
    return resize_uint8(square, (size, size))


def box_area(box_xyxy: NDArray[np.float32]) -> NDArray[np.float64]:
    """The square that `box_crop` shows: (4,), whole numbers, x1 y1 x2 y2, possibly beyond the frame."""
    centre = (box_xyxy[:2] + box_xyxy[2:]) / 2
    side = max(2, round(float(np.max(box_xyxy[2:] - box_xyxy[:2])) * (1 + 2 * _BOX_MARGIN)))
    left, top = (round(float(value) - side / 2) for value in centre)
    return np.array([left, top, left + side, top + side], np.float64)


def centre_box(width: int, height: int) -> NDArray[np.float32]:
    """The largest square in the middle of a frame: (4,) float32, x1 y1 x2 y2."""
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return np.array([left, top, left + side, top + side], np.float32)


def centre_crop(view: FrameView, size: int) -> NDArray[np.uint8]:
    """The largest square in the middle of a frame: (size, size, 3) uint8. view: one that holds it."""
    from emollama_hf.encoders.pixels import resize_uint8

    square, _ = view.cut(centre_box(view.width, view.height))
    return resize_uint8(np.ascontiguousarray(square), (size, size))
