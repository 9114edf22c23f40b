"""Where a clip cuts from one shot to another, judged from sampled frames that may lie far apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.opencv import one_thread

_SIDE = 32  # of the thumbnail, in pixels
_MAX_SHIFT = 8  # of the thumbnail between two frames of one shot, in pixels: a quarter of the picture

# Two frames belong to different shots when their structure does not match at any small shift AND their colours
# differ. A pan or a zoom changes the structure and keeps the colours; a change of light keeps the structure; a
# cut changes both. Colours drift with time, so frames far apart have to differ more.
_MATCHING_STRUCTURE = 0.6
_NEAR_S, _FAR_S = 0.2, 1.0
_NEAR_DISTANCE, _FAR_DISTANCE = 0.1, 0.4


@dataclass(frozen=True)
class Look:
    """What a frame looks like from afar.

    size: (height, width) of the frame in pixels.
    structure: (32, 32) float32 brightness, mean 0 and length 1 (all 0 for a flat picture).
    thumbnail: (32, 32, 3) float32 red, green, blue.
    """

    size: tuple[int, int]
    structure: NDArray[np.float32]
    thumbnail: NDArray[np.float32]

    @cached_property
    def colours(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Two histograms, float32 with sum 1: (100,) of chromaticity, (12,) of brightness relative to its mean."""
        total = _total(self.thumbnail)
        grey = total / 3
        # The offset keeps the noise of nearly black pixels from looking like colours.
        red, green = (np.clip(((self.thumbnail[..., i] + 4) / (total + 12) - 0.13) / 0.4, 0, 1) for i in (0, 1))
        chromaticity = _histogram([red, green], (10, 10))
        return chromaticity, _histogram([np.clip(grey / (grey.mean() + 4) / 2.5, 0, 1)], (12,))


def look_at(pixels: NDArray[np.uint8], size: tuple[int, int] | None = None) -> Look:
    """The look of a frame, (H, W, 3) uint8 RGB; the same for the frame at another exposure, nearly.

    size: (height, width) of the frame, where the pixels are of a smaller picture of it.
    """
    import cv2

    step = max(1, min(pixels.shape[:2]) // (4 * _SIDE))  # averaging every pixel would cost more than it tells
    with one_thread():
        few = (-(-pixels.shape[1] // step), -(-pixels.shape[0] // step))
        small = cv2.resize(pixels, few, interpolation=cv2.INTER_NEAREST)
        thumbnail = cv2.resize(small, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    grey = _total(thumbnail) / 3
    structure = grey - grey.mean()
    length = float(np.linalg.norm(structure))
    structure = structure / length if length > 1e-3 * _SIDE else np.zeros_like(structure)
    return Look(size or (pixels.shape[0], pixels.shape[1]), structure, thumbnail)


def _total(thumbnail: NDArray[np.float32]) -> NDArray[np.float32]:
    return thumbnail[..., 0] + thumbnail[..., 1] + thumbnail[..., 2]


def _histogram(values: Sequence[NDArray[np.floating]], bins: tuple[int, ...]) -> NDArray[np.float32]:
    """Shares of values in 0..1 by bin, one dimension for each array: flat."""
    place = np.zeros(values[0].size, np.int64)
    for v, n in zip(values, bins, strict=True):
        place = place * n + np.minimum((v.reshape(-1).astype(np.float64) * n).astype(np.int64), n - 1)
    counts = np.bincount(place, minlength=math.prod(bins)).reshape(bins).astype(np.float64)
    # Neighbouring bins are mixed, so that a value near an edge does not jump.
    for n in bins:
        counts = (_mixing(n) @ counts).T
    return (counts / counts.sum()).reshape(-1).astype(np.float32)


@cache
def _mixing(bins: int) -> NDArray[np.float64]:
    """(bins, bins): half of each bin stays, a quarter goes to either side, and back at the ends."""
    mixing = 0.5 * np.eye(bins) + 0.25 * (np.eye(bins, k=1) + np.eye(bins, k=-1))
    mixing[0, 0] += 0.25
    mixing[-1, -1] += 0.25
    return mixing


def structure_match(a: Look, b: Look) -> float:
    """Largest correlation of two looks over small shifts, -1..1; 1 for two flat pictures."""
    if not a.structure.any() or not b.structure.any():
        return float(not a.structure.any() and not b.structure.any())
    spectrum = np.fft.rfft2(a.structure) * np.conj(np.fft.rfft2(b.structure))
    correlation = np.fft.irfft2(spectrum, s=a.structure.shape)
    shifts = np.r_[0 : _MAX_SHIFT + 1, -_MAX_SHIFT:0]
    return float(correlation[np.ix_(shifts, shifts)].max())


def colour_distance(a: Look, b: Look) -> float:
    """Share of two looks' histograms that does not overlap, 0..1: of chromaticity or of brightness, the larger.

    The larger of the two, because a film in black and white has no colours to differ in.
    """
    return float(max([1 - np.minimum(x, y).sum() for x, y in zip(a.colours, b.colours, strict=True)]))


def is_cut(a: Look, b: Look, gap_s: float) -> bool:
    """Whether two sampled frames, gap_s seconds apart, belong to different shots.

    Frames of different sizes do: a face's coordinates in one say nothing about the other.
    """
    if a.size != b.size:
        return True
    if float(np.vdot(a.structure, b.structure)) >= _MATCHING_STRUCTURE:  # unmoved: most frames, without any histogram
        return False
    far = float(np.clip((gap_s - _NEAR_S) / (_FAR_S - _NEAR_S), 0, 1))
    limit = _NEAR_DISTANCE + far * (_FAR_DISTANCE - _NEAR_DISTANCE)
    return colour_distance(a, b) > limit and structure_match(a, b) < _MATCHING_STRUCTURE


def shot_numbers(looks: Sequence[Look], times_s: Sequence[float]) -> NDArray[np.int64]:
    """The shot that each frame belongs to, counted from 0: (len(looks),) int64, ascending.

    looks, times_s: of the sampled frames, in the order of time.
    """
    cuts = [is_cut(a, b, t - s) for a, b, s, t in zip(looks[:-1], looks[1:], times_s[:-1], times_s[1:], strict=True)]
    return np.concatenate([[0], np.cumsum(cuts)]).astype(np.int64)[: len(looks)]
