"""Predictions of memory of any architecture: counted without taking any, and true of what torch takes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from emollama_hf.checkpoints.memory import activation_bytes, weight_bytes
from emollama_hf.encoders import find_encoder
from emollama_hf.encoders.image_encoder.description import clip_activations, described, library_model
from emollama_hf.encoders.image_encoder.network import TOGETHER, ImageNetwork
from emollama_hf.encoders.meta_peak import peak_bytes
from emollama_hf.encoders.pretrained_encoder import ModelFiles
from tests.pretrained.saved_models import TIMM


def config_of(kind: str, side: int = 32, **more: Any) -> dict[str, Any]:
    architecture, arguments = TIMM[kind]
    pictures = {"input_size": [3, side, side]}
    settings = {"architecture": architecture, "model_args": arguments | more, "pretrained_cfg": pictures}
    return described(ModelFiles(kind, settings))


@pytest.mark.parametrize("kind", ["resnet", "vit", "convnext", "swin"])
def test_weights_are_counted(kind: str) -> None:
    config = config_of(kind)
    parameters = sum(tensor.numel() for tensor in library_model(config).parameters())
    assert weight_bytes("image_encoder", config, "float32") == 4 * parameters
    assert weight_bytes("image_encoder", config, "float16") == 2 * parameters
    assert weight_bytes("image_encoder", config, "float16-mixed") == 4 * parameters


def test_values_that_exist_at_once() -> None:
    """Of four results in a row two exist at a time, and what is given does not count."""
    given = torch.empty(1000, device="meta")

    def call() -> torch.Tensor:
        value = given * 2
        for _ in range(3):
            value = value * 2
        return value

    assert peak_bytes(call) == 2 * 4000
    kept = [given]
    assert peak_bytes(lambda: kept.extend(kept[-1] * 2 for _ in range(5))) == 5 * 4000


def test_attention_keeps_no_matrix_of_tokens_by_tokens() -> None:
    query = torch.empty(1, 2, 500, 8, device="meta")
    attend = torch.nn.functional.scaled_dot_product_attention
    assert peak_bytes(lambda: attend(query, query, query)) == 4 * query.numel()
    assert peak_bytes(lambda: attend(query=query, key=query, value=query[..., :4])) == 2 * query.numel()


def test_views_and_changes_in_place_take_nothing() -> None:
    given = torch.empty(1000, device="meta")
    assert peak_bytes(lambda: given.view(10, 100).t().reshape(-1)[0]) == 4000
    assert peak_bytes(lambda: given.mul_(2).view(10, 100)) == 0


class _Largest(TorchDispatchMode):
    """The largest result of any operation, in bytes."""

    bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.bytes = max(self.bytes, result.untyped_storage().nbytes())
        return result


@pytest.mark.parametrize("kind", ["resnet", "vit", "convnext", "swin"])
def test_the_count_is_that_of_real_tensors(kind: str) -> None:
    """The same operations with values keep as much; no prediction is below the largest result."""
    config = config_of(kind)
    counted = 4 * clip_activations(config).values
    network = ImageNetwork(library_model(config), config).eval()
    pixels = torch.zeros(TOGETHER, 3, 32, 32)
    real = peak_bytes(lambda: network(pixels))
    largest = _Largest()
    with torch.no_grad(), largest:
        network(pixels)
    assert largest.bytes <= counted
    assert real <= counted <= 2 * real


def test_larger_pictures_and_half_types() -> None:
    small, large = (config_of("vit", side, img_size=side) for side in (32, 64))
    one, four = (activation_bytes("image_encoder", config, "float32") for config in (small, large))
    assert 3 < four / one < 5
    assert activation_bytes("image_encoder", small, "float16") < one
    assert find_encoder("image_encoder").activations(small, 1).inputs == TOGETHER * 3 * 32 * 32
