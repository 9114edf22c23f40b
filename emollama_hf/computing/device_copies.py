"""Arrays of the host on the device that computes, and back, so that the host waits for a GPU once a batch.

A copy between ordinary memory and a GPU makes the host wait until everything before it is computed. From and to pinned
memory it is queued like a kernel, and only who reads the values has to wait. torch keeps pinned memory for its next
use, so that results need no new memory of the system either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def on_device(array: np.ndarray | torch.Tensor, device: torch.device) -> torch.Tensor:
    """An array, or a tensor of the host, on a device; to a GPU without waiting.

    Args:
        array: of any shape, of a type that torch has. A tensor that is on the device already is returned as it is.
        device: that computes.

    Returns:
        A tensor of the same shape, type and values. On the CPU it shares the array's memory where it can.
    """
    import torch

    tensor = torch.from_numpy(np.ascontiguousarray(array)) if isinstance(array, np.ndarray) else array
    if device.type != "cuda" or tensor.device.type != "cpu":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def stacked_on_device(arrays: Sequence[np.ndarray], device: torch.device) -> torch.Tensor:
    """Arrays of one shape and type along a new first axis, on a device; to a GPU through one copy and without waiting.

    Args:
        arrays: at least one.
        device: that computes.

    Returns:
        (N, *shape) of the arrays' type.
    """
    import torch

    if device.type != "cuda":
        return torch.from_numpy(np.stack(arrays))
    dtype = torch.from_numpy(np.empty(0, arrays[0].dtype)).dtype
    pinned = torch.empty((len(arrays), *arrays[0].shape), dtype=dtype, pin_memory=True)
    np.stack(arrays, out=pinned.numpy())
    return pinned.to(device, non_blocking=True)


def on_host(tensors: Sequence[torch.Tensor]) -> list[np.ndarray]:
    """The values of tensors of one device, after one wait for all of them.

    Args:
        tensors: of any shapes, of types that numpy has.

    Returns:
        An array each, of the same shape and type. Those of a GPU lie in pinned memory, which torch takes back when they
        are dropped.
    """
    import torch

    if not tensors or tensors[0].device.type != "cuda":
        return [tensor.numpy() for tensor in tensors]
    copies = []
    for tensor in tensors:
        pinned = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        copies.append(pinned.copy_(tensor.contiguous(), non_blocking=True))
    # A thread that waits for a blocking event sleeps; other waits take a core to look again and again.
    copied = torch.cuda.Event(blocking=True)
    copied.record(torch.cuda.current_stream(tensors[0].device))
    copied.synchronize()
    return [copy.numpy() for copy in copies]
