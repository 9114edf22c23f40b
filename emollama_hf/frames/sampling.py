"""Which frames of a clip the two face encoders see."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
from numpy.typing import NDArray

_MOST_MOVED = 3  # frames: at 24 a second an eighth of it, in which an expression hardly changes


def even_indices(n: int, count: int = 16) -> NDArray[np.int64]:
    """Frame numbers for FaceMAE: evenly spaced from the first frame to the last, positions truncated.

    n: frames in the clip, at least 1.  count: how many numbers to return, at least 1.
    Returns (count,) int64, ascending, in 0..n-1; short clips repeat frames.
    Raises ValueError when n or count is below 1.
    Source: Emotion-LLaMA feature extraction (FaceMAE), resampling of a face folder to 16 frames.

        >>> even_indices(37).shape
        (16,)
    """
    _at_least_one(n=n, count=count)
    # linspace and not whole-number arithmetic, although both agree on every length tried (1 to 60,000): it is
    # the original's arithmetic, so they also agree where rounding would one day tell them apart.
    return np.linspace(0, n - 1, count).astype(np.int64)


def segment_indices(n: int, segments: int = 8, duration: int = 2) -> NDArray[np.int64]:
    """Frame numbers for VideoMAE: from the middle of each of `segments` equal parts, `duration` frames in a row.

    n: frames in the clip, at least 1.
    Returns (segments * duration,) int64 in 0..n-1. Clips too short to hold the segments (n < segments + duration)
    repeat the first `duration` frames instead.
    Raises ValueError when an argument is below 1.
    Source: Emotion-LLaMA feature extraction (VideoMAE), TSN-style test sampling. With t = (n - 1) / segments the
    parts start at floor(t / 2 + k t).

        >>> segment_indices(37).shape
        (16,)
    """
    _at_least_one(n=n, segments=segments, duration=duration)
    if n < segments + duration:
        starts = np.zeros(segments, np.int64)
    else:
        t = (n - 1) / segments
        starts = np.floor(t / 2 + t * np.arange(segments)).astype(np.int64)
    indices = (starts[:, None] + np.arange(duration)).reshape(-1)
    return np.minimum(indices, n - 1)


def candidate_indices(
    n: int, count: int, looked_at: Collection[int], read_anyway: Callable[[NDArray[np.int64]], NDArray[np.bool_]]
) -> NDArray[np.int64]:
    """Frame numbers among which the peak is chosen: evenly spaced, then moved by a few frames to cheaper ones.

    Each goes to the nearest frame that is looked at in any case, else to the nearest that is read in any case, else it
    stays. None goes further than 3 frames, nor so far that it could meet the next.

    n: frames in the clip, at least 1.  count: how many numbers to return, at most; at least 1.
    looked_at: numbers of frames that are needed for something else.  read_anyway: as `Clip.read_anyway`.
    Returns (min(n, count),) int64, ascending, without repetition, in 0..n-1.

        >>> candidate_indices(9, 3, {1, 5}, lambda numbers: numbers == 7)
        array([1, 5, 7])
    """
    even = even_indices(n, min(n, count))
    gap = int(np.diff(even).min()) if len(even) > 1 else 1
    reach = min(_MOST_MOVED, (gap - 1) // 2)
    steps = np.array(sorted(range(-reach, reach + 1), key=abs))
    near = even[:, None] + steps
    inside = (near >= 0) & (near < n)
    numbers = np.clip(near, 0, n - 1)
    cost = np.where(read_anyway(numbers.reshape(-1)).reshape(near.shape), 1, 2)
    cost = np.where(np.isin(numbers, list(looked_at)), 0, cost)
    best = np.argmin(np.where(inside, cost, 3), axis=1)  # the first of equals, and so the nearest
    return near[np.arange(len(even)), best]


def _at_least_one(**counts: int) -> None:
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
