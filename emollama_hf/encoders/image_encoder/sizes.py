"""Image models of random weights: a vision transformer with toy widths, and one of the size of ViT-L."""

from __future__ import annotations

from typing import Any

from emollama_hf.encoders.config_checks import Config


def _vit(architecture: str, size: int, width: int, **model_args: Any) -> Config:
    pictures = {
        "input_size": [3, size, size],
        "interpolation": "bicubic",
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "crop_pct": 0.9,
        "crop_mode": "center",
    }
    return {
        "library": "timm",
        "architecture": architecture,
        "settings": {"model_args": model_args, "pretrained_cfg": {**pictures, "fixed_input_size": True}},
        "preprocessing": pictures,
        "width": width,
    }


TINY = _vit("vit_tiny_patch16_224", 32, 16, img_size=32, patch_size=8, embed_dim=16, depth=2, num_heads=2)
FULL = _vit("vit_large_patch16_224", 224, 1024)
