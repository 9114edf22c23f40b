"""LoRA in float16, unmerged as the original computes it or merged: `python -m benchmarks.lora_types [--layers 32]`.

A decoder of the real sizes with random weights, layer by layer, so that 3 GB of memory are enough; products as in
`half_products.py`. One JSON line a way of computing: how far its last hidden states are from float32 and from the
original's, relative to their spread. "in another order" is the original's with its sums split in two, which is what
another batch size or another card does.
"""

from __future__ import annotations

import argparse
import json
import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaRMSNorm, LlamaRotaryEmbedding

from benchmarks.dtypes import deviation
from benchmarks.half_products import HalfProducts
from emollama_hf.encoders.emotion_llama.config_json import FULL

RANK, SCALE = 64, 16 / 64
#: Standard deviation of what LoRA adds to a weight, relative to the weight's own.
ADDED = 0.1
#: The second of two float16 tensors that together are a float32 one is kept larger, away from subnormal numbers.
REST = 2.0**11
WAYS = ("float32", "original", "original, in another order", "merged", "merged, two halves")


class Adapted(nn.Module):
    """A linear layer with LoRA, computed in one of the ways."""

    def __init__(self, way: str, weight: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> None:
        super().__init__()
        merged = torch.addmm(weight.float(), b, a, alpha=SCALE)
        self.way, self.weight, self.a, self.b = way, weight, a.half(), b.half()
        self.merged = merged if way == "float32" else merged.half()
        self.rest = ((merged - self.merged.float()) * REST).half() if way == "merged, two halves" else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.way.startswith("original"):
            product = functional.linear(x, self.merged)
            return product if self.rest is None else product + functional.linear(x, self.rest) / REST
        added = functional.linear(functional.linear(x, self.a), self.b) * SCALE
        return linear(self.way, x, self.weight) + added


class Plain(nn.Module):
    """A linear layer without LoRA."""

    def __init__(self, way: str, weight: torch.Tensor) -> None:
        super().__init__()
        self.way, self.weight = way, weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return linear(self.way, x, self.weight.float() if self.way == "float32" else self.weight)


def linear(way: str, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """x by weight; in another order, as two sums that are added in float32."""
    if not way.endswith("order"):
        return functional.linear(x, weight)
    middle = x.shape[-1] // 3
    first = functional.linear(x[..., :middle].float(), weight[:, :middle].float())
    return (first + functional.linear(x[..., middle:].float(), weight[:, middle:].float())).half()


@torch.inference_mode()
def last_states(layers: int, tokens: int, seed: int = 0) -> dict[str, torch.Tensor]:
    """Last hidden states of the same decoder and input in every way, (1, tokens, hidden) float32."""
    config = LlamaConfig(**FULL["text_config"])
    config._attn_implementation = "sdpa"
    torch.manual_seed(seed)
    given = torch.randn(1, tokens, config.hidden_size).half()
    states = {way: given.float() if way == "float32" else given for way in WAYS}
    positions = torch.arange(tokens)[None]
    rotary = LlamaRotaryEmbedding(config)
    for _ in range(layers):
        with torch.device("meta"):
            layer = LlamaDecoderLayer(config, 0).eval()
        weights = {name: _random(name, module.weight.shape) for name, module in layer.named_modules()
                   if isinstance(module, nn.Linear)}  # fmt: skip
        norms = {
            name: 1 + 0.1 * torch.randn(config.hidden_size) for name in ("input_layernorm", "post_attention_layernorm")
        }
        factors = {name: (torch.randn(RANK, config.hidden_size) / math.sqrt(config.hidden_size),
                          torch.randn(config.hidden_size, RANK) * ADDED / SCALE / math.sqrt(RANK))
                   for name in weights if name.endswith(("q_proj", "v_proj"))}  # fmt: skip
        for way in WAYS:
            for name, weight in weights.items():
                layer.set_submodule(
                    name, Adapted(way, weight, *factors[name]) if name in factors else Plain(way, weight)
                )
            for name, values in norms.items():
                layer.get_submodule(name).weight = nn.Parameter(
                    values.half().to(states[way].dtype), requires_grad=False
                )
            with HalfProducts():
                turns = rotary(states[way], positions)
                states[way] = layer(states[way], position_embeddings=turns)
    norm = LlamaRMSNorm(config.hidden_size, config.rms_norm_eps)
    return {way: norm(values).float() for way, values in states.items()}


def _random(name: str, shape: Any) -> torch.Tensor:
    size = 0.5 if name.endswith(("o_proj", "down_proj")) else 1.0
    return torch.randn(shape).mul_(size / math.sqrt(shape[1])).half()


def main() -> None:
    """Every way against float32 and against the original's."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=309)
    options = parser.parse_args()
    found = {way: values.numpy() for way, values in last_states(options.layers, options.tokens).items()}
    for other in ("float32", "original"):
        for way, values in found.items():
            if way not in ("float32", other):
                print(json.dumps({"lora": way, "against": other, **deviation(found[other], values)}))


if __name__ == "__main__":
    main()
