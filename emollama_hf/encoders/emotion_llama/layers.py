"""Hidden states of chosen layers, in one pass that keeps those and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

LAST = -1


def checked_layers(layers: Sequence[int], blocks: int) -> tuple[int, ...]:
    """Numbers of layers that a decoder has.

    Args:
        layers: 0 is the decoder's input, k the residual stream after block k, -1 the last hidden state, which is the
            stream after the last block behind the final norm.
        blocks: how many blocks the decoder has.

    Raises:
        ValueError: none, one twice, or one that the decoder does not have.
    """
    found = tuple(layers)
    good = all(isinstance(one, int) and not isinstance(one, bool) and LAST <= one <= blocks for one in found)
    if not found or not good or len(set(found)) != len(found):
        raise ValueError(
            f"layers={found!r}: expected different numbers from 0 (the decoder's input) to {blocks} (after the last "
            "block), or -1 (after the final norm)."
        )
    return found


@contextmanager
def collected(
    blocks: Sequence[nn.Module], layers: Sequence[int], keep: Callable[[torch.Tensor], torch.Tensor]
) -> Iterator[dict[int, torch.Tensor]]:
    """The residual streams of chosen layers of the passes that run within, as `keep` reduces each.

    The dict that is yielded fills while the decoder runs; -1 is not among it, since the decoder returns that state.
    """
    found: dict[int, torch.Tensor] = {}
    handles = []

    def before_first(_: nn.Module, arguments: tuple[torch.Tensor, ...], options: dict[str, torch.Tensor]) -> None:
        found[0] = keep(arguments[0] if arguments else options["hidden_states"])

    def after(number: int) -> Callable[[nn.Module, object, object], None]:
        def hook(_: nn.Module, __: object, output: object) -> None:
            state = output[0] if isinstance(output, tuple) else output
            assert isinstance(state, torch.Tensor)
            found[number] = keep(state)

        return hook

    try:
        for layer in layers:
            if layer == 0:
                handles.append(blocks[0].register_forward_pre_hook(before_first, with_kwargs=True))
            elif layer != LAST:
                handles.append(blocks[layer - 1].register_forward_hook(after(layer)))
        yield found
    finally:
        for handle in handles:
            handle.remove()
