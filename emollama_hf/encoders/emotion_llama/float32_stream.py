"""EVA with a residual stream in float32 between products in float16, which is what the original computes on a GPU.

Source: Emotion-LLaMA (MiniGPT-v2) under torch.autocast: convolution and linear layers in float16; norms, and what
`torch.cat` and additions promote, in float32. Differences: attention is fused and rounds its scores less; no autocast,
so that a CPU computes the same.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers.models.blip_2.modeling_blip_2 import Blip2VisionEmbeddings, Blip2VisionModel


class Float32Embeddings(Blip2VisionEmbeddings):
    """Patches from a convolution in a half type; class token, positions and their sum in float32."""

    def forward(self, pixel_values: torch.Tensor, interpolate_pos_encoding: bool = False) -> torch.Tensor:
        patches = self.patch_embedding(pixel_values.to(self.patch_embedding.weight.dtype))
        patches = patches.flatten(2).transpose(1, 2).to(self.position_embedding.dtype)
        class_token = self.class_embedding.expand(len(patches), 1, -1)
        return torch.cat([class_token, patches], dim=1) + self.position_embedding


class NormOfStream(nn.LayerNorm):
    """A norm of the float32 stream, rounded to the type of the products that take it."""

    def __init__(self, width: int, eps: float, products: torch.dtype) -> None:
        super().__init__(width, eps)
        self.products = products

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return super().forward(input).to(self.products)


def use_float32_stream(vision: Blip2VisionModel) -> None:
    """Give an encoder on the meta device, with weights of a half type, a residual stream in float32.

    Its class token, position table and norms become float32 parameters; weights are to be filled in afterwards. A sum
    of the stream and a product of a half type is float32 by itself.
    """
    products = vision.embeddings.patch_embedding.weight.dtype
    with torch.device("meta"):
        embeddings = Float32Embeddings(vision.config)
        nn.Module.to(embeddings.patch_embedding, dtype=products)
        vision.embeddings = embeddings
        for layer in vision.encoder.layers:
            for name in ("layer_norm1", "layer_norm2"):
                norm: Any = layer.get_submodule(name)
                layer.set_submodule(name, NormOfStream(norm.normalized_shape[0], norm.eps, products))
    nn.Module.float(vision.post_layernorm)
