"""Networks without weights, from a part's configuration, and what makes them complete."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from emollama_hf.computing.number_types import DtypeName, product_type, stream_type, type_of_part
from emollama_hf.encoders.emotion_llama.float32_stream import use_float32_stream
from emollama_hf.models import EmotionLlamaConfig, EmotionLlamaModel, FaceMAE, VideoMAE
from emollama_hf.tensors.quantized import Quantize, replace_linear_layers

Network = FaceMAE | VideoMAE | EmotionLlamaModel


def empty_network(part: str, config: dict[str, Any], dtype: DtypeName, quantize: Quantize | None = None) -> Network:
    """A part's network for computing in `dtype`, on the meta device: shapes, types and names, no memory.

    quantize: what the decoder's linear layers will keep their weights in.
    """
    network: Network
    with torch.device("meta"):
        if part == "facemae":
            network = FaceMAE(config)
        elif part == "videomae":
            network = VideoMAE.from_config(config)
        else:
            network = EmotionLlamaModel(EmotionLlamaConfig(**config))
    dtype = type_of_part(part, dtype)
    products: torch.dtype = getattr(torch, product_type(dtype))
    _cast(network, products)
    if isinstance(network, EmotionLlamaModel):
        if stream_type(dtype) != product_type(dtype):
            use_float32_stream(network.vision_model)
        if quantize is not None:
            replace_linear_layers(network.language_model.layers, quantize, products)
    return network


def weights_of(network: Network) -> nn.Module:
    """The module whose state dict a model directory stores, under its own names."""
    if isinstance(network, FaceMAE):
        return network.vit
    if isinstance(network, VideoMAE):
        return network.encoder
    return network


def ready(network: Network, device: str) -> Network:
    """The network with its computed tables on `device`, in evaluation mode, without gradients.

    Rotary frequencies are in no checkpoint and were on the meta device with the rest. They are computed
    again, in float32 whatever the dtype of the weights: rounded ones would turn late positions too far.
    """
    if isinstance(network, EmotionLlamaModel):
        rotary = LlamaRotaryEmbedding(network.config.text_config)
        network.language_model.rotary_emb = rotary.to(device)
    left = [name for name, tensor in _tensors(network) if tensor.is_meta]
    if left:
        raise RuntimeError(f"tensors without values after loading: {', '.join(left)}")
    return network.requires_grad_(False).eval()


def _cast(network: Network, dtype: torch.dtype) -> None:
    # nn.Module.to, since transformers' own wrapper is typed as taking no dtype.
    nn.Module.to(network, dtype=dtype)


def _tensors(network: nn.Module) -> list[tuple[str, torch.Tensor]]:
    return [*network.named_parameters(), *network.named_buffers()]
