"""Settings of any architecture: data within bounds, and no key that a library would act upon."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from torch import nn

from emollama_hf.encoders.library_settings import model_settings, settings_fault
from emollama_hf.encoders.repeated_layers import repeated_layers


def test_keys_that_name_code_or_files_are_not_read_at_any_depth() -> None:
    found = {
        "model_type": "clip",
        "auto_map": {"AutoModel": "code.Model"},
        "quantization_config": {"load_in_4bit": True},
        "attn_implementation": "owner/kernel",
        "vision_config": {"hidden_size": 8, "torch_dtype": "float16", "transformers_weights": "other.bin"},
    }
    assert model_settings(found) == {"model_type": "clip", "vision_config": {"hidden_size": 8}}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"hidden_size": 2**40}, "hidden_size="),
        ({"hidden_size": -(2**40)}, "hidden_size="),
        ({"vision_config": {"hidden_size": 10**5000}}, "vision_config.hidden_size=a number of"),
        ({"num_hidden_layers": 2000}, "layers"),
        ({"depths": [3, 3, 10_000, 3]}, "layers"),
        ({"mean": [0.5] * 10_000}, "numbers"),
        ({"name": "x" * 10_000}, "characters"),
        ({str(index): 1 for index in range(10_000)}, "entries"),
    ],
)
def test_what_is_out_of_bounds_is_named_shortly(found: dict[str, Any], said: str) -> None:
    fault = settings_fault(found)
    assert fault is not None
    assert said in fault
    assert len(fault) < 300


def test_settings_of_published_models_are_within_bounds() -> None:
    published = {
        "vocab_size": 256_000,
        "num_hidden_layers": 48,
        "depths": [3, 3, 27, 3],
        "layer_norm_eps": 1e-6,
        "out_features": ["stage1"],
        "rope_theta": 1e6,
        "hidden_act": "gelu",
        "projection": None,
        "use_head": True,
        "input_size": [3, 600, 600],
    }
    assert settings_fault(published) is None


@pytest.mark.parametrize(
    ("architecture", "layers"), [("resnet50", 16), ("vit_tiny_patch16_224", 12), ("convnext_atto", 12)]
)
def test_the_layers_that_repeat(architecture: str, layers: int) -> None:
    with torch.device("meta"):
        found = repeated_layers(timm.create_model(architecture))
    assert (len(found), len({type(layer) for layer in found})) == (layers, 1)


def test_a_model_without_lists_is_its_own_layer() -> None:
    model = nn.Linear(2, 2)
    assert repeated_layers(model) == [model]
