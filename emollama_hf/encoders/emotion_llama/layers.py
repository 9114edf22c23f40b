"""Hidden states of chosen layers, in one pass that keeps those and no others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from emollama_hf.encoders.emotion_llama.layers_option import LAST


@contextmanager
def collected(blocks: Sequence[nn.Module], layers: Sequence[int]) -> Iterator[dict[int, torch.Tensor]]:
    """The residual streams of chosen layers of the pass that runs within.

    The dict that is yielded fills while the decoder runs; -1 is not among it, since the decoder returns that state.
    """
    found: dict[int, torch.Tensor] = {}
    handles = []
    own = threading.get_ident()  # two threads may share a network, and hooks are called for both

    def before_first(_: nn.Module, arguments: tuple[torch.Tensor, ...], options: dict[str, torch.Tensor]) -> None:
        if threading.get_ident() == own:
            found[0] = arguments[0] if arguments else options["hidden_states"]

    def after(number: int) -> Callable[[nn.Module, object, object], None]:
        def hook(_: nn.Module, __: object, output: object) -> None:
            state = output[0] if isinstance(output, tuple) else output
            assert isinstance(state, torch.Tensor)
            if threading.get_ident() == own:
                found[number] = state

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
