"""FaceMAE: one vector for the faces of a clip, from a ViT that was trained as a masked autoencoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from emollama_hf.models.scaling import unit_pixels
from emollama_hf.pixels import resize_stack

#: What a configuration has to say; timm's own names.
CONFIG_KEYS = ("img_size", "patch_size", "embed_dim", "depth", "num_heads", "mlp_ratio")
NORM_EPS = 1e-6


class FaceMAE(nn.Module):
    """Mean over frames of a ViT's class token, taken after the final norm.

    config: `model_args` of the model directory's facemae/config.json, with at least `CONFIG_KEYS`.
    Source: Emotion-LLaMA feature extraction, UTTERANCE level. Differences: timm's ViT with fused attention
    instead of the training program's own classes.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.config = dict(config)
        arguments = {key: config[key] for key in CONFIG_KEYS}
        # eps: timm's default for a bare VisionTransformer has changed before; the weights were trained with this
        # one (tests/models/test_parity.py sees another).
        self.vit = VisionTransformer(
            **arguments,
            qkv_bias=True,
            num_classes=0,
            global_pool="token",
            norm_layer=_norm,
            weight_init="skip",
        )

    @property
    def image_size(self) -> int:
        """Side of the square input in pixels."""
        return int(self.config["img_size"])

    @property
    def width(self) -> int:
        """Length of the feature vector."""
        return int(self.config["embed_dim"])

    def pixels(self, frames: np.ndarray) -> torch.Tensor:
        """Input of the encoder for face crops of any size.

        frames: (T, H, W, 3) uint8 RGB.  Returns (T, 3, S, S) float32 in [0, 1], without mean and std.
        """
        size = self.image_size
        return unit_pixels(resize_stack(frames, (size, size), "bilinear"))

    def frame_features(self, pixels: torch.Tensor) -> torch.Tensor:
        """One vector a frame: (N, 3, S, S) in [0, 1] to (N, D) float32."""
        weight = self.vit.patch_embed.proj.weight
        tokens = self.vit.forward_features(pixels.to(device=weight.device, dtype=weight.dtype))
        return tokens[:, 0].float()

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """One vector a clip: (B, T, 3, S, S) in [0, 1] to (B, D) float32."""
        batch, frames = pixels.shape[:2]
        features = self.frame_features(pixels.flatten(0, 1))
        return features.unflatten(0, (batch, frames)).mean(dim=1)


def _norm(width: int, **kwargs: Any) -> nn.LayerNorm:
    kwargs["eps"] = NORM_EPS
    return nn.LayerNorm(width, **kwargs)
