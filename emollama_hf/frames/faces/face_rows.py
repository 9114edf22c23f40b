"""From what YuNet says of every position to one row a face, as OpenCV's FaceDetectorYN has it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SCORE_THRESHOLD = 0.6
OVERLAP_THRESHOLD = 0.3  # of boxes of one face, as in OpenCV's own example
TOP_K = 5000
COLUMNS = 15  # of a row: x, y, width, height, five landmarks, score


def positions(height: int, width: int, strides: tuple[int, ...]) -> NDArray[np.float32]:
    """Column, row and stride of every position of a picture, (P, 3) float32, level by level and row by row.

    height, width: in pixels, multiples of every stride.
    """
    levels = []
    for stride in strides:
        rows, columns = np.mgrid[0 : height // stride, 0 : width // stride]
        levels.append(np.stack([columns.ravel(), rows.ravel(), np.full(rows.size, stride)], axis=1))
    return np.concatenate(levels).astype(np.float32)


def rows_of(
    boxes: NDArray[np.float32],
    landmarks: NDArray[np.float32],
    scores: NDArray[np.float32],
    at: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Candidates as rows, (N, 15) float32 in pixels: x, y, width, height, five landmarks, score.

    boxes: (N, 4), centre relative to the position and logarithms of width and height, in strides. landmarks: (N, 10), x
    y relative to the position, in strides. scores: (N,). at: (N, 3), of `positions`.
    """
    corner, stride = at[:, :2], at[:, 2:]
    centres, sides = (boxes[:, :2] + corner) * stride, np.exp(boxes[:, 2:]) * stride
    points = (landmarks + np.tile(corner, 5)) * stride
    return np.concatenate([centres - sides / 2, sides, points, scores[:, None]], axis=1, dtype=np.float32)


def without_overlaps(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of rows whose boxes overlap, the one with the best score; the best row first."""
    import cv2

    if len(rows) < 2:
        return rows
    # In whole pixels, towards zero: FaceDetectorYN compares such boxes.
    boxes = rows[:, :4].astype(np.int32).tolist()
    kept = cv2.dnn.NMSBoxes(boxes, rows[:, 14].tolist(), SCORE_THRESHOLD, OVERLAP_THRESHOLD, top_k=TOP_K)
    return rows[np.asarray(kept, np.int64).reshape(-1)]
