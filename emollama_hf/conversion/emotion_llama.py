"""Emotion-LLaMA's trained part: the projections, and LoRA factors for the decoder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from emollama_hf.checkpoints.architecture import Config
from emollama_hf.checkpoints.tensor_names import Shape, check_names, split_unused
from emollama_hf.errors import ModelError

#: An auxiliary classifier, and rotary tables that older transformers wrote.
UNUSED = (r"^attention\.", r"rotary_emb\.inv_freq$")

LORA_TARGETS = ("q_proj", "v_proj")
_LORA_NAME = "llama_model.base_model.model.model.layers.{layer}.self_attn.{target}.lora_{factor}.weight"
_LORA_A = re.compile(r"\.lora_A\.weight$")

#: The checkpoint's linear layers by their names here.
PROJECTIONS = {
    "llama_proj": "image_projection",
    "feats_llama_proj1": "facemae_projection",
    "feats_llama_proj2": "videomae_projection",
    "feats_llama_proj3": "audio_projection",
    "cls_tk_llama_proj": "class_token_projection",
}


@dataclass(frozen=True)
class Lora:
    """A: (r, in) and B: (out, r) of one linear layer; scale: alpha / r."""

    a: torch.Tensor
    b: torch.Tensor
    scale: float

    def merged_into(self, weight: torch.Tensor) -> torch.Tensor:
        """weight + scale * B A, computed and returned in float32: (out, in).

        Rounding the sum to float16 costs 3e-3 of the hidden states' spread.
        """
        return weight.float() + self.scale * (self.b.float() @ self.a.float())


def check_emotion_llama(
    state: Mapping[str, torch.Tensor], config: Config, *, where: str = "Emotion-LLaMA checkpoint"
) -> None:
    """Raise ModelError with all tensors of the checkpoint's `model` that are missing, unexpected or misshapen."""
    used, _ = split_unused(state, UNUSED)
    found = {name: tuple(state[name].shape) for name in used}
    check_names(_expected(config, found), found, where=where)


def projection_tensors(state: Mapping[str, torch.Tensor]) -> Iterator[tuple[str, torch.Tensor]]:
    """(name, tensor) of the projections in emotion_llama/, of a state that was checked."""
    for old, new in PROJECTIONS.items():
        for kind in ("weight", "bias"):
            yield f"{new}.{kind}", state[f"{old}.{kind}"]


def lora_factors(state: Mapping[str, torch.Tensor], alpha: float) -> dict[str, Lora]:
    """LoRA of the decoder's linear layers, by the layer's name in the Llama checkpoint, of a checked state.

    alpha: of the training; its rank r is the factors' own.
    """
    factors = {}
    for name in state:
        if _LORA_A.search(name):
            a, b = state[name], state[name.replace("lora_A", "lora_B")]
            layer = name.removeprefix("llama_model.base_model.model.").removesuffix(".lora_A.weight")
            factors[f"{layer}.weight"] = Lora(a, b, alpha / a.shape[0])
    return factors


def lora_alpha(checkpoint: Mapping[str, Any]) -> float:
    """Alpha as the training's configuration in the file has it. Raises ModelError if it is not there."""
    try:
        return float(checkpoint["config"]["model"]["lora_alpha"])
    except (KeyError, TypeError, ValueError):
        raise ModelError(
            "the Emotion-LLaMA checkpoint does not say its LoRA alpha (config.model.lora_alpha). "
            "Pass --lora-alpha; it is 16 in all published configurations."
        ) from None


def _expected(config: Config, found: Mapping[str, Shape]) -> dict[str, Shape]:
    image_width = config["vision_config"]["hidden_size"]
    text = config["text_config"]
    hidden, feature = text["hidden_size"], config["feature_size"]
    inputs = {
        "llama_proj": image_width * config["patches_per_token"],
        "feats_llama_proj1": feature,
        "feats_llama_proj2": feature,
        "feats_llama_proj3": feature,
        "cls_tk_llama_proj": image_width,
    }
    shapes: dict[str, Shape] = {}
    for name, width in inputs.items():
        shapes |= {f"{name}.weight": (hidden, width), f"{name}.bias": (hidden,)}
    heads = text["num_attention_heads"]
    head = text.get("head_dim") or hidden // heads
    outputs = {"q_proj": heads * head, "v_proj": (text.get("num_key_value_heads") or heads) * head}
    rank = next((shape[0] for name, shape in found.items() if _LORA_A.search(name) and shape), 0)
    for layer in range(text["num_hidden_layers"]):
        for target in LORA_TARGETS:
            shapes[_LORA_NAME.format(layer=layer, target=target, factor="A")] = (rank, hidden)
            shapes[_LORA_NAME.format(layer=layer, target=target, factor="B")] = (outputs[target], rank)
    return shapes
