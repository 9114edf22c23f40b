"""Which frames of a clip an encoder takes that was trained with fewer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def chosen_frames(frames: int, count: int) -> NDArray[np.int64]:
    """The middle of each of `count` equal parts of a clip: all frames, each once, where there are as many.

    Args:
        frames: of the clip, at least `count`.
        count: of them to take, from 1.

    Returns:
        (count,) int64, ascending, without repeats.

    Raises:
        ValueError: the clip has fewer frames.

    Example:
        >>> chosen_frames(16, 8)
        array([ 1,  3,  5,  7,  9, 11, 13, 15])
    """
    if frames < count:
        raise ValueError(f"the encoder takes {count} frames of a clip, got {frames}")
    return (2 * np.arange(count, dtype=np.int64) + 1) * frames // (2 * count)
