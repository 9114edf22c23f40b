"""The same faces as OpenCV's, found by torch: on a GPU, and of several pictures together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emollama_hf.computing.exact_float32 import exact_float32
from emollama_hf.computing.fitting_batches import in_fitting_batches
from emollama_hf.frames.faces.face_rows import COLUMNS, SCORE_THRESHOLD, positions, rows_of, without_overlaps
from emollama_hf.frames.faces.yunet_file import yunet_onnx

if TYPE_CHECKING:
    from torch import Tensor

Picture = NDArray[np.uint8]
Rows = NDArray[np.float32]

_DIVISOR = 32  # of a picture's sides; what lacks is black, at the right and below, as in OpenCV
#: Pixels that are searched together: on a CPU this takes 0.3 GB.
MOST_PIXELS = 16 * 640 * 640


class TorchYunet:
    """YuNet 2023mar on a torch device. Its boxes and landmarks differ from OpenCV's by less than 0.01 pixels.

    Args:
        device: such as "cuda:0" or "cpu".

    Example:
        >>> TorchYunet("cpu").rows(np.zeros((240, 320, 3), np.uint8)).shape
        (0, 15)
    """

    def __init__(self, device: str) -> None:
        from emollama_hf.frames.faces.onnx_convolutions import convolutions
        from emollama_hf.frames.faces.yunet import YuNet

        self._device = device
        self._network = YuNet.of(convolutions(yunet_onnx())).to(device)

    def rows(self, bgr: Picture) -> Rows:
        """See `FaceNetwork.rows`."""
        return self.rows_of_each([bgr])[0]

    def rows_of_each(self, pictures: Sequence[Picture]) -> list[Rows]:
        """The rows of several pictures, each as `rows` has them. Those of one size are searched together.

        Raises:
            ModelError: the device's memory does not suffice for a single one.
        """
        found: list[Rows] = [np.zeros((0, COLUMNS), np.float32) for _ in pictures]
        by_size: dict[tuple[int, ...], list[int]] = {}
        for number, picture in enumerate(pictures):
            if picture.size:
                by_size.setdefault(picture.shape, []).append(number)
        for (height, width, _), numbers in by_size.items():
            together = max(1, MOST_PIXELS // (_padded(height) * _padded(width)))
            for start in range(0, len(numbers), together):
                some = numbers[start : start + together]
                rows = in_fitting_batches(self._search, [pictures[i] for i in some], f"faces on {self._device}")
                for number, own in zip(some, rows, strict=True):
                    found[number] = own
        return found

    def _search(self, pictures: list[Picture]) -> list[Rows]:
        """The rows of pictures of one size."""
        import torch

        height, width = pictures[0].shape[:2]
        at = _positions(_padded(height), _padded(width))
        with exact_float32(), torch.inference_mode():
            said = self._network(self._on_device(pictures))
            scores = (said[:, 0].sigmoid() * said[:, 5].sigmoid()).sqrt()
            # All that is left of a picture is a few positions: one wait for their number, and one copy.
            which, where = (scores >= SCORE_THRESHOLD).nonzero(as_tuple=True)
            found = torch.cat([said[which, :, where], scores[which, where, None], which[:, None], where[:, None]], 1)
            values = found.cpu().numpy()
        which_picture, position = values[:, 17].astype(np.int64), values[:, 18].astype(np.int64)
        rows = rows_of(values[:, 1:5], values[:, 6:16], values[:, 16], at[position])
        return [without_overlaps(rows[which_picture == number]) for number in range(len(pictures))]

    def _on_device(self, pictures: list[Picture]) -> Tensor:
        """(N, 3, H, W) float32 on the device, with sides that are multiples of 32."""
        import torch
        from torch.nn.functional import pad

        height, width = pictures[0].shape[:2]
        on_gpu = self._device.startswith("cuda")
        together = torch.empty((len(pictures), height, width, 3), dtype=torch.uint8, pin_memory=on_gpu)
        np.stack(pictures, out=together.numpy())
        bgr = together.to(self._device, non_blocking=True).permute(0, 3, 1, 2).float()
        return pad(bgr, (0, _padded(width) - width, 0, _padded(height) - height))


def _padded(side: int) -> int:
    return -(-side // _DIVISOR) * _DIVISOR


@cache
def _positions(height: int, width: int) -> Any:
    from emollama_hf.frames.faces.yunet import STRIDES

    return positions(height, width, STRIDES)
