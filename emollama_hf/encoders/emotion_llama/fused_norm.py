"""The decoder's norms in torch's own kernel, with the rounding of transformers' ones."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional
from transformers.models.llama.modeling_llama import LlamaRMSNorm


class FusedRMSNorm(LlamaRMSNorm):
    """transformers' norm of the decoder in two kernels of a GPU instead of eight.

    Normalised in float32 and rounded to the type of the products, then multiplied with the weight in that type: the
    original's arithmetic. torch's kernel is not given the weight, because it would round once, after the product, and a
    quarter of the values of float16 would be others (by up to 6e-4 of the largest). Where gradients are wanted, the
    norm is computed as before.
    """

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled():
            exact: torch.Tensor = super().forward(hidden_states)
            return exact
        normed = functional.rms_norm(hidden_states, (hidden_states.shape[-1],), None, self.variance_epsilon)
        scaled: torch.Tensor = self.weight * normed
        return scaled


def fuse_norms(decoder: Any) -> None:
    """Let a LlamaModel compute its norms so. Parameters and their names stay."""
    for module in decoder.modules():
        if type(module) is LlamaRMSNorm:
            module.__class__ = FusedRMSNorm
