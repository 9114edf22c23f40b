"""The matrix products, convolutions and attention calls of a network: recorded, counted, and done again alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.peak import synchronise


@dataclass
class Call:
    """One matrix product, convolution or attention: how to do it again, and its floating point operations."""

    again: Callable[[], Any]
    flop: float
    part: str


@dataclass
class Recording:
    """Calls in the order in which they came. part: what those that come now are counted for."""

    calls: list[Call] = field(default_factory=list)
    part: str = ""

    def flop(self, part: str | None = None) -> float:
        """Operations of all calls, or of a part's."""
        return sum(call.flop for call in self.calls if part is None or call.part == part)


def recorder(recording: Recording) -> Any:
    """A torch mode that keeps every matrix product, convolution and attention call."""
    import torch
    from torch.nn import functional
    from torch.overrides import TorchFunctionMode

    products = {functional.linear, torch.matmul, torch.bmm, torch.Tensor.matmul, torch.Tensor.__matmul__, torch.addmm}
    products |= {torch.Tensor.bmm, torch.mm, torch.Tensor.mm, torch.baddbmm}
    convolutions = {torch.conv2d, torch.conv3d, functional.conv2d, functional.conv3d}
    attentions = {functional.scaled_dot_product_attention}
    stand_ins: dict[tuple[Any, ...], Any] = {}

    class Recorder(TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            result = function(*args, **kwargs)
            if function in products | convolutions | attentions:
                flop = _flop(function, args, result, attentions, convolutions)
                own_args = tuple(_like(value, stand_ins) for value in args)
                own_kwargs = {name: _like(value, stand_ins) for name, value in kwargs.items()}
                recording.calls.append(Call(lambda: function(*own_args, **own_kwargs), flop, recording.part))
            return result

    return Recorder()


def seconds_alone(calls: list[Call], device: str) -> dict[str, float]:
    """Seconds of the recorded calls, by part, with nothing between them."""
    seconds: dict[str, float] = {}
    for part in dict.fromkeys(call.part for call in calls):
        synchronise(device)
        started = time.perf_counter()
        for call in calls:
            if call.part == part:
                call.again()
        synchronise(device)
        seconds[part] = time.perf_counter() - started
    return seconds


def _like(value: Any, stand_ins: dict[tuple[Any, ...], Any]) -> Any:
    """Weights as they are; for anything that was computed, a tensor of noise with its shape, strides and dtype."""
    import torch

    if not isinstance(value, torch.Tensor) or isinstance(value, torch.nn.Parameter):
        return value
    key = (tuple(value.shape), tuple(value.stride()), value.dtype, value.device)
    if key not in stand_ins:  # one for all calls: its memory is warm, as an activation's is
        made = torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device=value.device)
        stand_ins[key] = made.normal_() if value.is_floating_point() else made.fill_(1)
    return stand_ins[key]


def _flop(function: Any, args: Any, result: Any, attentions: set[Any], convolutions: set[Any]) -> float:
    if function in attentions:
        query, key = args[0], args[1]
        return 4.0 * query.numel() * key.shape[-2]
    if function in convolutions:
        return 2.0 * result.numel() * args[1][0].numel()
    return 2.0 * result.numel() * args[0].shape[-1]
