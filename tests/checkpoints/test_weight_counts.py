"""Counted parameters are those of the networks that compute; so are the bytes of quantized ones."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from emollama_hf.checkpoints import open_model
from emollama_hf.checkpoints.build import empty_network
from emollama_hf.checkpoints.memory import weight_bytes
from emollama_hf.checkpoints.weight_counts import weight_counts
from emollama_hf.encoders import find_encoder, full_sizes, tiny_sizes
from emollama_hf.encoders.emotion_llama.config_json import emotion_llama_config
from tests.parts import ALL_PARTS


@pytest.mark.parametrize("dtype", ["float32", "float16-mixed", "bfloat16"])
@pytest.mark.parametrize("part", ALL_PARTS)
def test_bytes_are_those_of_the_network_in_each_type(part: str, dtype: Any) -> None:
    config = full_sizes()[part]
    network = find_encoder(part).weights(empty_network(part, config, dtype))
    assert weight_bytes(part, config, dtype) == sum(one.nbytes for one in network.parameters())


def test_what_a_configuration_leaves_out_has_the_libraries_defaults() -> None:
    """transformers writes only what differs from a class's defaults; fewer keys than values is common in Llamas."""
    tiny, full = tiny_sizes()["emotion_llama"], full_sizes()["emotion_llama"]
    text = {**tiny["text_config"], "num_key_value_heads": 2, "head_dim": 16}
    grouped = weight_counts(
        "emotion_llama", emotion_llama_config(vision=tiny["vision_config"], text=text, feature_size=32)
    )
    assert (grouped.quantizable["language_model.layers.0.self_attn.k_proj.weight"]) == (32, 48)
    sparse = {**full, "vision_config": {"image_size": 448}, "text_config": {"rms_norm_eps": 1e-5}}
    assert weight_counts("emotion_llama", sparse) == weight_counts("emotion_llama", full)


def test_quantizable_are_the_decoders_linear_layers() -> None:
    network = empty_network("emotion_llama", full_sizes()["emotion_llama"], "bfloat16")
    layers = [one for one in network.language_model.layers.modules() if isinstance(one, torch.nn.Linear)]
    found = weight_counts("emotion_llama", full_sizes()["emotion_llama"]).quantizable
    assert sorted(found.values()) == sorted(tuple(layer.weight.shape) for layer in layers)
    assert all(name.startswith("language_model.layers.") for name in found)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16-mixed"])
@pytest.mark.parametrize("quantize", [None, "4bit", "8bit"])
def test_bytes_are_those_of_the_loaded_network(quantize: Any, dtype: Any) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed: the extra quantization")
    model = open_model("random-tiny").load("emotion_llama", dtype=dtype, quantize=quantize)
    there = sum(parameter.nbytes for parameter in model.parameters())
    for parameter in model.parameters():
        state = getattr(parameter, "quant_state", None)
        there += 0 if state is None else state.absmax.nbytes
    for module in model.modules():  # bitsandbytes' 8-bit layers
        state = getattr(module, "state", None)
        there += 0 if state is None else state.SCB.nbytes
    assert weight_bytes("emotion_llama", tiny_sizes()["emotion_llama"], dtype, quantize) == there
