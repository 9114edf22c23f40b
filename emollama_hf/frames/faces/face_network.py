"""The network that finds faces, YuNet: as each thread of each process has it on a CPU, unless told otherwise."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import local
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.faces.face_rows import COLUMNS, OVERLAP_THRESHOLD, SCORE_THRESHOLD, TOP_K
from emollama_hf.frames.faces.yunet_file import yunet_onnx
from emollama_hf.frames.opencv import errors_only, one_thread


class FaceNetwork(Protocol):
    """Finds the faces of a picture of any size, as it is."""

    def rows(self, bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Faces of a picture, (H, W, 3) uint8 BGR: (N, 15) float32.

        A row is x, y, width, height of the box, x y of both eyes, nose and both mouth corners, in the picture's pixels,
        and a score from 0.6 to 1. Overlapping boxes of one face are one row.
        """


class OpenCvYunet:
    """YuNet 2023mar of the OpenCV Zoo through OpenCV's FaceDetectorYN, on one thread of a CPU."""

    def __init__(self) -> None:
        import cv2

        # From memory, since OpenCV opens no files with some non-ASCII names on some systems. The OpenCV 5 engine
        # warns that it ignores the (default) target: nothing that a user could act on.
        with errors_only():
            self._detector: Any = cv2.FaceDetectorYN.create(
                "onnx",
                np.frombuffer(yunet_onnx(), np.uint8),
                np.zeros(0, np.uint8),
                (320, 320),
                SCORE_THRESHOLD,
                OVERLAP_THRESHOLD,
                TOP_K,
            )

    def rows(self, bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `FaceNetwork.rows`."""
        with one_thread():
            self._detector.setInputSize((bgr.shape[1], bgr.shape[0]))
            found = self._detector.detect(bgr)[1]
        return np.zeros((0, COLUMNS), np.float32) if found is None else np.asarray(found, np.float32)


_per_thread = local()


def face_network() -> FaceNetwork:
    """The network of the innermost `searching_with` of this thread, else this thread's own of OpenCV."""
    chosen: FaceNetwork | None = getattr(_per_thread, "chosen", None)
    return chosen or opencv_network()


def opencv_network() -> FaceNetwork:
    """This thread's own network of OpenCV."""
    # A detector remembers the input size between two calls, so threads must not share one; a forked worker
    # makes its own.
    if getattr(_per_thread, "process", None) != os.getpid():
        _per_thread.process, _per_thread.network = os.getpid(), OpenCvYunet()
    network: FaceNetwork = _per_thread.network
    return network


@contextmanager
def searching_with(network: FaceNetwork | None) -> Iterator[None]:
    """Within the block, `face_network` of this thread is `network`; None is OpenCV's."""
    before = getattr(_per_thread, "chosen", None)
    _per_thread.chosen = network
    try:
        yield
    finally:
        _per_thread.chosen = before
