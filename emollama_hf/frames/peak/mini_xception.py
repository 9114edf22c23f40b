"""The expression network, mini-XCEPTION, as Keras ran it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

_NORM_EPS = 1e-3  # Keras's default; PyTorch's is 1e-5


class _SeparableConv(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        self.pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.pointwise(self.depthwise(x))
        return out


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = _SeparableConv(inputs, outputs)
        self.first_norm: Any = nn.BatchNorm2d(outputs, eps=_NORM_EPS)
        self.second = _SeparableConv(outputs, outputs)
        self.second_norm: Any = nn.BatchNorm2d(outputs, eps=_NORM_EPS)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride=2, bias=False)
        self.shortcut_norm: Any = nn.BatchNorm2d(outputs, eps=_NORM_EPS)

    def fuse(self) -> None:
        self.first.pointwise = fuse_conv_bn_eval(self.first.pointwise, self.first_norm)
        self.second.pointwise = fuse_conv_bn_eval(self.second.pointwise, self.second_norm)
        self.shortcut = fuse_conv_bn_eval(self.shortcut, self.shortcut_norm)
        self.first_norm = self.second_norm = self.shortcut_norm = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.first_norm(self.first(x)), inplace=True)
        out = max_pool_same(self.second_norm(self.second(out)))
        return out + self.shortcut_norm(self.shortcut(x))


def max_pool_same(x: Tensor) -> Tensor:
    """3x3 maximum at stride 2 with Keras's "same" padding, which puts an odd pixel at the end: (N, C, H, W)."""
    # An odd length gets a pixel at both ends, an even one at its end alone: a window that is not whole.
    height, width = x.shape[2:]
    return functional.max_pool2d(x, 3, stride=2, padding=(height % 2, width % 2), ceil_mode=True)


class MiniXception(nn.Module):
    """(N, 1, 64, 64) float32 grey in -1..1 to (N, 7) probabilities.

    Source: mini-XCEPTION of Arriaga et al., "Real-time Convolutional Neural Networks for Emotion and Gender
    Classification" (2017), with the layers that the weight file lists.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, 8, 3, bias=False),
            nn.BatchNorm2d(8, eps=_NORM_EPS),
            nn.ReLU(inplace=True),
            nn.Conv2d(8, 8, 3, bias=False),
            nn.BatchNorm2d(8, eps=_NORM_EPS),
            nn.ReLU(inplace=True),
        )
        widths = (8, 16, 32, 64, 128)
        self.blocks = nn.Sequential(*(_Block(a, b) for a, b in pairwise(widths)))
        self.head = nn.Conv2d(128, 7, 3, padding=1)

    def fuse(self) -> None:
        """Make each norm a part of the convolution before it: the same to rounding, in less than half the time."""
        stem: Any = self.stem
        for conv, norm in ((0, 1), (3, 4)):
            stem[conv], stem[norm] = fuse_conv_bn_eval(stem[conv], stem[norm]), nn.Identity()
        blocks: Any = self.blocks
        for block in blocks:
            block.fuse()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.blocks(self.stem(x)))
        return torch.softmax(out.mean((2, 3)), dim=1)
