"""Tiny image models of random weights, in directories as timm and transformers save them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
import transformers
from timm.models import save_for_hf
from torch import nn

#: Frames of a clip: not square, and of another size than any model's.
FRAMES = np.random.default_rng(3).integers(0, 256, (3, 50, 44, 3), np.uint8)

VIT = {"img_size": 32, "patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2}
#: Architectures of timm, and arguments that make them tiny.
TIMM: dict[str, tuple[str, dict[str, Any]]] = {
    "resnet": ("resnet18", {"channels": [8, 8, 16, 16], "layers": [1, 1, 1, 1]}),
    "vit": ("vit_tiny_patch16_224", VIT),
    "vit of mean tokens": ("vit_tiny_patch16_224", {**VIT, "global_pool": "avg"}),
    "convnext": ("convnext_atto", {"dims": [8, 8, 16, 24], "depths": [1, 1, 1, 1]}),
    "mobilenet": ("mobilenetv3_small_050", {}),
    "swin": (
        "swin_tiny_patch4_window7_224",
        {"img_size": 32, "embed_dim": 8, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4},
    ),
}
SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 32,
    "patch_size": 16,
}
_TEXT = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 64}
_SIDE = {"height": 32, "width": 32}


def timm_model(kind: str, **more: Any) -> nn.Module:
    """A tiny model of timm, whose head has five classes; its batch norms have seen something."""
    architecture, arguments = TIMM[kind]
    torch.manual_seed(5)
    model: nn.Module = timm.create_model(architecture, num_classes=5, **(arguments | more))
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.1)
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    return model.eval()


def save_timm(model: nn.Module, folder: Path, *, safe: bool = True) -> Path:
    """config.json and weights as timm uploads them."""
    save_for_hf(model, str(folder), safe_serialization=safe)
    return folder


def _clip() -> Any:
    texts = {**_TEXT, "bos_token_id": 1, "eos_token_id": 2}
    config = transformers.CLIPConfig(vision_config=SIZES, text_config=texts, projection_dim=8)
    return transformers.CLIPModel(config)


def _siglip() -> Any:
    texts = {**_TEXT, "bos_token_id": 1, "eos_token_id": 2}
    return transformers.SiglipModel(transformers.SiglipConfig(vision_config=SIZES, text_config=texts))


def _swin() -> Any:
    return transformers.SwinForImageClassification(
        transformers.SwinConfig(
            image_size=32, patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[2, 2], window_size=4
        )
    )


def _convnext() -> Any:
    return transformers.ConvNextForImageClassification(
        transformers.ConvNextConfig(hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1])
    )


def _resnet() -> Any:
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1])
    return transformers.ResNetForImageClassification(config)


def _hiera() -> Any:
    return transformers.HieraModel(
        transformers.HieraConfig(
            embed_dim=8,
            image_size=[32, 32],
            depths=[1, 1],
            num_heads=[1, 2],
            masked_unit_size=[4, 4],
            query_stride=[2, 2],
            num_query_pool=1,
        )
    )


#: Models of transformers with their image processors: encoders, classifiers and models of pictures and texts.
TRANSFORMERS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "clip": (_clip, lambda: transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=_SIDE)),
    "siglip": (_siglip, lambda: transformers.SiglipImageProcessor(size=_SIDE)),
    "dinov2": (
        lambda: transformers.Dinov2Model(transformers.Dinov2Config(**SIZES)),
        lambda: transformers.BitImageProcessor(size={"shortest_edge": 36}, crop_size=_SIDE),
    ),
    "vit": (
        lambda: transformers.ViTModel(transformers.ViTConfig(**SIZES)),
        lambda: transformers.ViTImageProcessor(size=_SIDE),
    ),
    "vit classifier": (
        lambda: transformers.ViTForImageClassification(transformers.ViTConfig(**SIZES)),
        lambda: transformers.ViTImageProcessor(size=_SIDE),
    ),
    "masked autoencoder": (
        lambda: transformers.ViTMAEForPreTraining(
            transformers.ViTMAEConfig(
                **SIZES,
                decoder_hidden_size=16,
                decoder_num_hidden_layers=1,
                decoder_num_attention_heads=2,
                decoder_intermediate_size=16,
            )
        ),
        lambda: transformers.ViTImageProcessor(size=_SIDE),
    ),
    "beit": (
        lambda: transformers.BeitForImageClassification(transformers.BeitConfig(**SIZES)),
        lambda: transformers.BeitImageProcessor(size=_SIDE, crop_size=_SIDE),
    ),
    "convnext": (_convnext, lambda: transformers.ConvNextImageProcessor(size={"shortest_edge": 32})),
    "resnet": (_resnet, lambda: transformers.ConvNextImageProcessor(size={"shortest_edge": 32})),
    # May be a masked autoencoder, and has no number of patches.
    "hiera": (_hiera, lambda: transformers.BitImageProcessor(size={"shortest_edge": 32}, crop_size=_SIDE)),
    "swin": (_swin, lambda: transformers.ViTImageProcessor(size=_SIDE)),
}


def transformers_model(kind: str) -> Any:
    """A tiny model of transformers."""
    torch.manual_seed(5)
    return TRANSFORMERS[kind][0]().eval()


def save_transformers(model: Any, kind: str, folder: Path) -> Path:
    """config.json, weights and preprocessor_config.json as transformers saves them."""
    model.save_pretrained(folder)
    TRANSFORMERS[kind][1]().save_pretrained(folder)
    return folder


def far(found: torch.Tensor | np.ndarray, expected: torch.Tensor) -> float:
    """The largest difference, in units of the spread of what is expected."""
    given = torch.as_tensor(found).double()
    return float((given - expected.double()).abs().max() / expected.double().std())
