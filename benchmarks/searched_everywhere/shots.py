"""What a frame looks like from afar, as version 2 made it; cuts are judged as today."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.faces.shots import Look
from emollama_hf.frames.opencv import one_thread

_SIDE = 32  # of the thumbnail, in pixels


class _Look(Look):
    @cached_property
    def colours(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        thumbnail, grey = self.thumbnail, self.thumbnail.mean(2)
        # The offset keeps the noise of nearly black pixels from looking like colours.
        shares = (thumbnail[..., :2] + 4) / (thumbnail.sum(2, keepdims=True) + 12)
        red, green = (np.clip((shares[..., i] - 0.13) / 0.4, 0, 1) for i in (0, 1))
        return _histogram([red, green], (10, 10)), _histogram([np.clip(grey / (grey.mean() + 4) / 2.5, 0, 1)], (12,))


def look_at(pixels: NDArray[np.uint8]) -> Look:
    """The look of a frame, (H, W, 3) uint8 RGB; the same for the frame at another exposure, nearly."""
    import cv2

    step = max(1, min(pixels.shape[:2]) // (4 * _SIDE))  # averaging every pixel would cost more than it tells
    with one_thread():
        small = np.ascontiguousarray(pixels[::step, ::step])
        thumbnail = cv2.resize(small, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    grey = thumbnail.mean(2)
    structure = grey - grey.mean()
    length = float(np.linalg.norm(structure))
    structure = structure / length if length > 1e-3 * _SIDE else np.zeros_like(structure)
    look = _Look((pixels.shape[0], pixels.shape[1]), structure, thumbnail)
    _ = look.colours  # version 2 counted them for every frame
    return look


def _histogram(values: list[NDArray[np.float32]], bins: tuple[int, ...]) -> NDArray[np.float32]:
    counts, _ = np.histogramdd(np.stack([v.reshape(-1) for v in values], 1), bins=bins, range=[(0.0, 1.0)] * len(bins))
    # Neighbouring bins are mixed, so that a value near an edge does not jump.
    for axis in range(counts.ndim):
        padded = np.concatenate([counts.take([0], axis), counts, counts.take([-1], axis)], axis)
        n = counts.shape[axis]
        before, after = padded.take(range(n), axis), padded.take(range(2, n + 2), axis)
        counts = 0.25 * before + 0.5 * counts + 0.25 * after
    return (counts / counts.sum()).reshape(-1).astype(np.float32)
