"""YuNet in plain torch: the layers of the ONNX file that OpenCV runs, for several pictures at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d

from emollama_hf.frames.faces.onnx_convolutions import Convolution

STRIDES = (8, 16, 32)  # pixels between the positions of each level
#: Numbers that the network gives of each position: class, box, objectness, five landmarks.
HEADS = (1, 4, 1, 10)

_WIDTH = 64  # channels of the three levels


class YuNet(nn.Module):
    """YuNet 2023mar of the OpenCV Zoo.

    Source: the graph of the ONNX file in `data` (MIT). Difference: the four heads of a level, which are convolutions of
    the same input, are one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.ReLU(inplace=True), *_unit(16, 16))
        self.early = nn.Sequential(*_unit(16, 16), *_unit(16, 32), *_unit(32, 32), *_unit(32, _WIDTH))
        self.levels = nn.ModuleList(nn.Sequential(*_unit(_WIDTH, _WIDTH), *_unit(_WIDTH, _WIDTH)) for _ in STRIDES)
        self.laterals = nn.ModuleList(nn.Sequential(*_unit(_WIDTH, _WIDTH)) for _ in STRIDES)
        self.heads = nn.ModuleList(nn.Sequential(*_separable(_WIDTH, sum(HEADS))) for _ in STRIDES)

    def forward(self, bgr: Tensor) -> Tensor:
        """What the heads say of every position of every level.

        Args:
            bgr: (N, 3, H, W) float32, 0..255, H and W multiples of 32.

        Returns:
            (N, 16, P) float32, the numbers of `HEADS` before any function. P are the positions of strides 8, 16, 32,
            each level row by row.
        """
        features = []
        x = self.early(max_pool2d(self.stem(bgr), 2))
        for level in self.levels:
            x = level(max_pool2d(x, 2))
            features.append(x)
        said: list[Tensor] = []
        for number in reversed(range(len(STRIDES))):  # each level sees what the coarser ones have found
            x = self.laterals[number](x)
            said.insert(0, self.heads[number](x).flatten(2))
            if number:
                x = features[number - 1] + interpolate(x, scale_factor=2.0, mode="nearest")
        return torch.cat(said, dim=2)

    @classmethod
    def of(cls, convolutions: Sequence[Convolution]) -> YuNet:
        """The network with its weights: on the CPU, in eval mode, without gradients.

        Args:
            convolutions: those of the ONNX file, in the order of that file.

        Raises:
            ValueError: they are not as many as YuNet has, or of other shapes.
        """
        network = cls().requires_grad_(False).eval()
        body = _convolutions(network.stem, network.early, *network.levels, *reversed(network.laterals))
        count = len(body) + 2 * len(HEADS) * len(STRIDES)
        if len(convolutions) != count:
            raise ValueError(f"expected the {count} convolutions of YuNet 2023mar, got {len(convolutions)}")
        for layer, own in zip(body, convolutions, strict=False):
            _fill(layer, [own])
        # The heads come last: kind by kind, of each kind the finest level first, of each level two convolutions.
        behind = convolutions[len(body) :]
        for number, head in enumerate(network.heads):
            for step, layer in enumerate(_convolutions(head)):
                _fill(layer, [behind[2 * (kind * len(STRIDES) + number) + step] for kind in range(len(HEADS))])
        return network


def _separable(inputs: int, outputs: int) -> list[nn.Module]:
    """A convolution of each pixel's channels, then one of each channel's neighbours."""
    return [nn.Conv2d(inputs, outputs, 1), nn.Conv2d(outputs, outputs, 3, padding=1, groups=outputs)]


def _unit(inputs: int, outputs: int) -> list[nn.Module]:
    return [*_separable(inputs, outputs), nn.ReLU(inplace=True)]


def _convolutions(*parts: nn.Module) -> list[nn.Conv2d]:
    return [layer for part in parts for layer in part.modules() if isinstance(layer, nn.Conv2d)]


def _fill(layer: nn.Conv2d, convolutions: Iterable[Convolution]) -> None:
    """Give a layer the weights of one convolution, or of several whose outputs lie behind each other."""
    weights, biases = (torch.cat([torch.from_numpy(one) for one in part]) for part in zip(*convolutions, strict=True))
    if layer.bias is None or layer.weight.shape != weights.shape or layer.bias.shape != biases.shape:
        raise ValueError(f"expected weights of shape {tuple(layer.weight.shape)}, got {tuple(weights.shape)}")
    layer.weight.copy_(weights)
    layer.bias.copy_(biases)
