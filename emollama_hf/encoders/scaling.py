"""8-bit pictures as tensors of the values that the networks were trained on, on the device that computes."""

from __future__ import annotations

import numpy as np
import torch

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

_CPU = torch.device("cpu")


def unit_pixels(pictures: np.ndarray, device: torch.device = _CPU) -> torch.Tensor:
    """(..., H, W, 3) uint8 to (..., 3, H, W) float32 in [0, 1]; the same values on every device."""
    channels_first = on_device(pictures, device).movedim(-1, -3)
    # A tensor: by a plain number a GPU multiplies with its reciprocal, which rounds differently.
    most = torch.tensor(255.0, device=device)
    return channels_first.to(torch.float32, memory_format=torch.contiguous_format).div_(most)


def clip_normalised(pictures: np.ndarray, device: torch.device = _CPU) -> torch.Tensor:
    """(..., H, W, 3) uint8 to (..., 3, H, W) float32: scaled to [0, 1], then CLIP's mean and standard deviation."""
    mean = torch.tensor(CLIP_MEAN, device=device).view(3, 1, 1)
    std = torch.tensor(CLIP_STD, device=device).view(3, 1, 1)
    return unit_pixels(pictures, device).sub_(mean).div_(std)


def on_device(array: np.ndarray, device: torch.device) -> torch.Tensor:
    """An array as a tensor; to a GPU its bytes travel from pinned memory while the processor goes on."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if device.type != "cuda":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)
