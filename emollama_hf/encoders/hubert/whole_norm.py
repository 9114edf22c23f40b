"""The group norm of base models over a whole sound, of which only a piece goes through the network at once.

The first convolution of HuBERT base, wav2vec 2.0 base and WavLM base is normalised over time: each channel by its mean
and variance in the whole clip. In a piece of a clip these are others, most of all where a clip is silent for a while.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import nn

#: Mean and variance of each channel of the sounds that are computed now, (B, C, 1) each; None for their own.
_moments: ContextVar[tuple[torch.Tensor, torch.Tensor] | None] = ContextVar("moments", default=None)

#: Steps of the convolution that are computed at once: 10 s of sound.
_STEPS = 32_000


class WholeSoundNorm(nn.GroupNorm):
    """A group norm with a group for each channel, which takes moments from `with_moments` if they are set there."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """(B, C, T) to the same."""
        moments = _moments.get()
        if moments is None:
            return super().forward(values)
        mean, variance = moments
        normalised = (values.float() - mean) * torch.rsqrt(variance + self.eps)
        return (normalised * self.weight[:, None].float() + self.bias[:, None].float()).to(values.dtype)


def use_whole_norm(encoder: Any) -> bool:
    """Put `WholeSoundNorm` in the place of an encoder's group norm, with its parameters; false if it has none."""
    first = encoder.feature_extractor.conv_layers[0]
    norm = getattr(first, "layer_norm", None)
    if not isinstance(norm, nn.GroupNorm):
        return False
    whole = WholeSoundNorm(norm.num_groups, norm.num_channels, norm.eps)
    whole.weight, whole.bias = norm.weight, norm.bias
    first.layer_norm = whole
    return True


def channel_moments(encoder: Any, wave: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and variance over time of each channel of the first convolution.

    Args:
        encoder: transformers' model.
        wave: (T,), normalised, on the device and in the dtype of the weights; of any length.

    Returns:
        Two of (C, 1) float32.
    """
    convolution = encoder.feature_extractor.conv_layers[0].conv
    (kernel,), (stride,) = convolution.kernel_size, convolution.stride
    steps = (len(wave) - kernel) // stride + 1
    total = squares = torch.zeros((), dtype=torch.float64, device=wave.device)
    for begin in range(0, steps, _STEPS):
        end = min(begin + _STEPS, steps)
        values = convolution(wave[None, None, begin * stride : (end - 1) * stride + kernel])[0].float()
        total = total + values.sum(dim=1, dtype=torch.float64)
        squares = squares + values.square_().sum(dim=1, dtype=torch.float64)
    mean = total / steps
    return mean.float()[:, None], (squares / steps - mean.square()).clamp_(min=0).float()[:, None]


@contextmanager
def with_moments(moments: list[tuple[torch.Tensor, torch.Tensor]]) -> Iterator[None]:
    """Norms take these moments within it, in this thread: one pair for each sound of the batch, none for their own."""
    stacked = (torch.stack([one[0] for one in moments]), torch.stack([one[1] for one in moments])) if moments else None
    token = _moments.set(stacked)
    try:
        yield
    finally:
        _moments.reset(token)
