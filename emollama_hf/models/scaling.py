"""8-bit pictures as tensors of the values that the encoders were trained on."""

from __future__ import annotations

import numpy as np
import torch

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def unit_pixels(pictures: np.ndarray) -> torch.Tensor:
    """(..., H, W, 3) uint8 to (..., 3, H, W) float32 in [0, 1]."""
    channels_first = np.ascontiguousarray(np.moveaxis(pictures, -1, -3))
    return torch.from_numpy(channels_first).float().div_(255.0)


def clip_normalised(picture: np.ndarray) -> torch.Tensor:
    """(H, W, 3) uint8 to (3, H, W) float32: scaled to [0, 1], then CLIP's mean and standard deviation."""
    mean = torch.tensor(CLIP_MEAN).view(3, 1, 1)
    std = torch.tensor(CLIP_STD).view(3, 1, 1)
    return unit_pixels(picture).sub_(mean).div_(std)
