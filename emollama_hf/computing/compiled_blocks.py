"""torch.compile of a network's repeated layers, once for batches of every size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def compile_blocks(network: Any) -> None:
    """Let torch.compile fuse the operations between a network's matrix products, block by block.

    The blocks are alike, so that one is compiled and the others use it: seconds instead of minutes. Sizes stay open, so
    that the short batch at the end of a run, and batches that memory has made smaller, compile nothing.

    Args:
        network: of a family of weights, with `blocks()`.
    """
    sizes = Sizes()
    for block in network.blocks():
        block.forward = CompiledForward(block, sizes)


@dataclass
class Sizes:
    """What batches a network has seen. several: whether one of more than one row."""

    several: bool = False


class CompiledForward:
    """A block's `forward`, compiled. `forward` and not the block itself: hooks that come and go stay outside.

    torch.compile treats a size of 1 as a constant and compiles once more for it. That is right where every batch has
    one row, as on a CPU; a single row after larger batches is computed without the compiled code instead.
    """

    def __init__(self, block: Any, sizes: Sizes) -> None:
        import torch

        self._plain = own_forward(block)
        self._compiled = torch.compile(self._plain, dynamic=True)
        self._sizes = sizes

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        first: Any = arguments[0] if arguments else next(iter(options.values()), None)
        rows = len(first) if getattr(first, "ndim", 0) else 0
        if rows > 1:
            self._sizes.several = True
        elif self._sizes.several:
            return self._plain(*arguments, **options)
        return self._compiled(*arguments, **options)


def own_forward(block: Any) -> Callable[..., Any]:
    """A block's `forward` without the function that transformers puts around those of all its architectures.

    torch.compile counts what it compiles by function, up to 8, and uses the plain one from then on: three networks that
    share a function get there. What it adds concerns gradients.
    """
    if "forward" in vars(block):  # somebody's own, for this block alone
        given: Callable[..., Any] = block.forward
        return given
    forward: Any = type(block).forward
    if any(kind.__name__ == "GradientCheckpointingLayer" for kind in type(block).__mro__):
        forward = getattr(forward, "__wrapped__", forward)
    own: Callable[..., Any] = forward.__get__(block)
    return own
