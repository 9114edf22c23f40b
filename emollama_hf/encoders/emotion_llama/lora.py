"""LoRA factors of the decoder's linear layers, as peft 0.2 names them, and merging them into the weights."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from emollama_hf.encoders.emotion_llama.trained_names import LORA_PREFIX, lora_layer
from emollama_hf.errors import ModelError
from emollama_hf.tensors.tensor_names import Shape

#: The layers that the published configurations train.
TARGETS = ("q_proj", "v_proj")
#: The name of the first of two factors.
FACTOR = re.compile(r"\.lora_A\.weight$")


@dataclass(frozen=True)
class Lora:
    """A: (r, in) and B: (out, r) of one linear layer; scale: alpha / r."""

    a: torch.Tensor
    b: torch.Tensor
    scale: float

    def merged_into(self, weight: torch.Tensor) -> torch.Tensor:
        """weight + scale * B A, computed and returned in float32: (out, in).

        Rounding the sum to float16 moves hidden states as far as another order of the original's own sums does
        (`python -m benchmarks.lora_types`).
        """
        return self._added_to(weight, self.scale)

    def removed_from(self, weight: torch.Tensor) -> torch.Tensor:
        """weight - scale * B A, computed and returned in float32: the base of a merged weight, (out, in).

        To rounding: of the merged weight as it was stored.
        """
        return self._added_to(weight, -self.scale)

    def _added_to(self, weight: torch.Tensor, scale: float) -> torch.Tensor:
        a, b = (factor.to(weight.device, torch.float32) for factor in (self.a, self.b))
        return torch.addmm(weight.float(), b, a, alpha=scale)


def lora_factors(state: Mapping[str, torch.Tensor], alpha: float) -> dict[str, Lora]:
    """LoRA of the decoder's linear layers, by the layer's name in the Llama checkpoint, of a checked state.

    alpha: of the training; its rank r is the factors' own.
    """
    factors = {}
    for name in state:
        if FACTOR.search(name):
            a, b = state[name], state[name.replace("lora_A", "lora_B")]
            factors[f"{lora_layer(name)}.weight"] = Lora(a, b, alpha / a.shape[0])
    return factors


def lora_shapes(
    found: Mapping[str, Shape], decoder: Mapping[str, Shape], targets: Iterable[str] = TARGETS
) -> dict[str, Shape]:
    """Names and shapes that the factors must have.

    found: the checkpoint's, whose first factor tells the rank.  decoder: of the Llama checkpoint's linear layers.
    """
    ranks = (shape[0] for name, shape in found.items() if FACTOR.search(name) and len(shape) == 2)
    return factor_shapes(decoder, targets, max(1, next(ranks, 1)))  # none and empty ones are then listed as misfits


def factor_shapes(decoder: Mapping[str, Shape], targets: Iterable[str], rank: int) -> dict[str, Shape]:
    """Names and shapes of the factors of some layers.

    decoder: of the Llama checkpoint's linear layers.  targets: last names of the layers.
    """
    shapes: dict[str, Shape] = {}
    for name, shape in decoder.items():
        layer = name.removesuffix(".weight")
        if layer.rpartition(".")[2] in tuple(targets):
            shapes[f"{LORA_PREFIX}{layer}.lora_A.weight"] = (rank, shape[1])
            shapes[f"{LORA_PREFIX}{layer}.lora_B.weight"] = (shape[0], rank)
    return shapes


def recorded(checkpoint: Mapping[str, Any], key: str) -> float | None:
    """`lora_alpha` or `lora_r` as the training's configuration in the file has it; None if it is not there."""
    try:
        return float(checkpoint["config"]["model"][key])
    except (KeyError, TypeError, ValueError):
        return None


def recorded_alpha(checkpoint: Mapping[str, Any], where: str = "the Emotion-LLaMA checkpoint") -> float:
    """Alpha as the training's configuration in the file has it. Raises ModelError if it is not there."""
    alpha = recorded(checkpoint, "lora_alpha")
    if alpha is None:
        raise ModelError(
            f"{where} does not say its LoRA alpha (config.model.lora_alpha). "
            "Pass --lora-alpha; it is 16 in all published configurations."
        )
    return alpha
