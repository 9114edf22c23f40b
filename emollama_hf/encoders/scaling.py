"""8-bit pictures as tensors of the values that the networks were trained on, on the device that computes."""

from __future__ import annotations

import numpy as np
import torch

from emollama_hf.computing.device_copies import on_device

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def unit_pixels(pictures: np.ndarray | torch.Tensor) -> torch.Tensor:
    """(..., H, W, 3) uint8 to (..., 3, H, W) float32 in [0, 1]; the same values on every device.

    pictures: an array of the host, or a tensor of the device that is to compute.
    """
    given = pictures if isinstance(pictures, torch.Tensor) else torch.from_numpy(np.ascontiguousarray(pictures))
    # A tensor: by a plain number a GPU multiplies with its reciprocal, which rounds differently. Filled on the device:
    # a number that is copied there would make the host wait.
    most = torch.full((), 255.0, device=given.device)
    return given.movedim(-1, -3).to(torch.float32, memory_format=torch.contiguous_format).div_(most)


def clip_normalised(pictures: np.ndarray | torch.Tensor) -> torch.Tensor:
    """(..., H, W, 3) uint8 to (..., 3, H, W) float32: scaled to [0, 1], then CLIP's mean and standard deviation.

    pictures: as `unit_pixels` takes them.
    """
    pixels = unit_pixels(pictures)
    mean, std = on_device(np.array([CLIP_MEAN, CLIP_STD], np.float32), pixels.device).view(2, 3, 1, 1)
    return pixels.sub_(mean).div_(std)
