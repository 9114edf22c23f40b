"""Parameters by arithmetic are those of the real networks, on the meta device; so are the bytes of quantized ones."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from emollama_hf.checkpoints import PARTS, open_model
from emollama_hf.checkpoints.architecture import FULL, TINY, emotion_llama_config
from emollama_hf.checkpoints.build import empty_network, weights_of
from emollama_hf.checkpoints.memory import weight_bytes
from emollama_hf.checkpoints.parameters import decoder_matrices, parameter_count


def real_count(part: str, config: dict[str, Any]) -> int:
    return sum(one.numel() for one in weights_of(empty_network(part, config, "bfloat16")).parameters())


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("sizes", [TINY, FULL], ids=["tiny", "full"])
def test_parameters(sizes: dict[str, dict[str, Any]], part: str) -> None:
    assert parameter_count(part, sizes[part]) == real_count(part, sizes[part])


def test_what_a_configuration_leaves_out_has_the_libraries_defaults() -> None:
    """transformers writes only what differs from a class's defaults; fewer keys than values is common in Llamas."""
    text = {**TINY["emotion_llama"]["text_config"], "num_key_value_heads": 2, "head_dim": 16}
    grouped = emotion_llama_config(vision=TINY["emotion_llama"]["vision_config"], text=text, feature_size=32)
    sparse = {**FULL["emotion_llama"], "vision_config": {"image_size": 448}, "text_config": {"rms_norm_eps": 1e-5}}
    for config in (grouped, sparse):
        assert parameter_count("emotion_llama", config) == real_count("emotion_llama", config)
    bare = {"use_mean_pooling": True, "qv_bias": False}
    assert parameter_count("videomae", bare) == real_count("videomae", bare)


def test_matrices_are_the_decoders_linear_layers() -> None:
    network = empty_network("emotion_llama", FULL["emotion_llama"], "bfloat16")
    layers = [one for one in network.language_model.layers.modules() if isinstance(one, torch.nn.Linear)]
    shapes = [tuple(layer.weight.shape) for layer in layers]
    assert sorted(decoder_matrices(FULL["emotion_llama"])) == sorted(shapes)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16-mixed"])
@pytest.mark.parametrize("quantize", [None, "4bit", "8bit"])
def test_bytes_are_those_of_the_loaded_network(quantize: Any, dtype: Any) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed: the extra quantization")
    model = open_model("random-tiny").load_emotion_llama(dtype=dtype, quantize=quantize)
    there = sum(parameter.nbytes for parameter in model.parameters())
    for parameter in model.parameters():
        state = getattr(parameter, "quant_state", None)
        there += 0 if state is None else state.absmax.nbytes
    for module in model.modules():  # bitsandbytes' 8-bit layers
        state = getattr(module, "state", None)
        there += 0 if state is None else state.SCB.nbytes
    assert weight_bytes("emotion_llama", TINY["emotion_llama"], dtype, quantize) == there
