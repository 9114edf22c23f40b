"""From an opened clip to what the encoders see: face crops, the peak frame, and what was found on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .clip import Clip, ClipInfo
from .settings import SampleSettings


@dataclass(frozen=True)
class ClipSample:
    """The frames stage's result for one clip.

    facemae_frames: (num_frames, size, size, 3) uint8 RGB.  videomae_frames: (16, size, size, 3) uint8 RGB.
    peak_frame: (H, W, 3) uint8 RGB, the whole frame.  peak_index: its number.
    face_boxes: (num_frames, 4) float32, x1 y1 x2 y2 in pixels of the source, one for each of facemae_frames.
    face_scores: (num_frames,) float32, 0 where no face was detected in that very frame; its box is then the one
        that was used instead (interpolated, that of the reused crop, or the centre).
    face_coverage: share of the facemae_frames with a detected face of the chosen track, 0..1.
    With faces="none" nobody looked: boxes, scores and coverage are nan.
    """

    facemae_frames: NDArray[np.uint8]
    videomae_frames: NDArray[np.uint8]
    peak_frame: NDArray[np.uint8]
    peak_index: int
    info: ClipInfo
    face_boxes: NDArray[np.float32]
    face_scores: NDArray[np.float32]
    face_coverage: float
    damaged_packets: int


def sample_clip(
    clip: Clip,
    settings: SampleSettings = SampleSettings(),
    *,
    peak_value: int | float | None = None,
    clip_name: str | None = None,
) -> ClipSample:
    raise NotImplementedError
