"""Frames that are equal, as in a clip shorter than the sample, so that each is encoded once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def distinct_frames(clips: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[int]]:
    """The frames of some clips without those that equal an earlier one.

    Bytes are read where they are: sums of eight at a time, and only frames of equal sums are compared.

    Args:
        clips: (T, H, W, 3) uint8 each, T of any number; frames of one size.

    Returns:
        The distinct frames, (H, W, 3) uint8 each, views of the clips in the order in which they come first; and for
        each frame of all clips, in order, the index of the distinct frame that it equals.

        >>> frames, indices = distinct_frames([np.stack([dark, light, dark]), np.stack([light])])
        >>> len(frames), indices
        (2, [0, 1, 0, 1])
    """
    frames: list[np.ndarray] = []
    indices: list[int] = []
    alike: dict[int, list[int]] = {}  # of frames with equal sums, the indices
    for clip in clips:
        whole = np.ascontiguousarray(clip)
        for frame, total in zip(whole, _sums(whole), strict=True):
            candidates = alike.setdefault(total, [])
            found = next((one for one in candidates if np.array_equal(frames[one], frame)), None)
            if found is None:
                found = len(frames)
                frames.append(frame)
                candidates.append(found)
            indices.append(found)
    return frames, indices


def _sums(clip: np.ndarray) -> list[int]:
    """A number a frame that equal frames share, and that others hardly do."""
    values = clip.reshape(len(clip), -1)
    if values.shape[1] % 8 == 0:
        values = values.view(np.uint64)
    totals: list[int] = values.sum(axis=1, dtype=np.uint64).tolist()  # what does not fit is left out, for all alike
    return totals
