"""FaceMAE: one vector for the faces of a clip, from a ViT that was trained as a masked autoencoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from emollama_hf.computing.device_copies import on_device, stacked_on_device
from emollama_hf.encoders.facemae.config_json import FRAMES
from emollama_hf.encoders.facemae.distinct_frames import distinct_frames
from emollama_hf.encoders.pixels import resize_stack
from emollama_hf.encoders.scaling import unit_pixels

NORM_EPS = 1e-6
#: Frames that a CPU takes together: with more, activations leave its caches (16 at real size take 6 % longer).
CPU_FRAMES = 8


class FaceMAE(nn.Module):
    """Mean over frames of a ViT's class token, taken after the final norm.

    config: facemae/config.json of a model directory, timm's format; `model_args` has the sizes.
    Source: Emotion-LLaMA feature extraction, UTTERANCE level. Differences: timm's ViT with fused attention
    instead of the training program's own classes.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.config = dict(config)
        self.vit = VisionTransformer(
            **config["model_args"],
            num_classes=0,
            global_pool="token",
            # Said here because timm's default is not part of its promises
            # (tests/encoders/test_known_mistakes.py).
            norm_layer=partial(nn.LayerNorm, eps=config.get("norm_eps", NORM_EPS)),
            weight_init="skip",
        )

    @property
    def image_size(self) -> int:
        """Side of the square input in pixels."""
        return int(self.config["model_args"]["img_size"])

    @property
    def width(self) -> int:
        """Length of the feature vector."""
        return int(self.config["model_args"]["embed_dim"])

    def pixels(self, frames: np.ndarray) -> torch.Tensor:
        """Input of the encoder for face crops of any size.

        frames: (T, H, W, 3) uint8 RGB.  Returns (T, 3, S, S) float32 in [0, 1], without mean and std.
        """
        return unit_pixels(self.resized(frames))

    def resized(self, frames: np.ndarray) -> np.ndarray:
        """(T, H, W, 3) uint8 RGB of any size to (T, S, S, 3) uint8."""
        size = self.image_size
        return resize_stack(frames, (size, size), "bilinear")

    def frame_features(self, pixels: torch.Tensor) -> torch.Tensor:
        """One vector a frame: (N, 3, S, S) in [0, 1] to (N, D) float32."""
        weight = self.vit.patch_embed.proj.weight
        tokens = self.vit.forward_features(pixels.to(device=weight.device, dtype=weight.dtype))
        return tokens[:, 0].float()

    def embed(self, clips: Sequence[np.ndarray]) -> torch.Tensor:
        """One vector a clip, the mean of `sequences`: clips of `resized` frames to (B, D) float32."""
        return torch.stack([vectors.mean(dim=0) for vectors in self.sequences(clips)])

    def sequences(self, clips: Sequence[np.ndarray]) -> list[torch.Tensor]:
        """One vector a frame: clips of `resized` frames, each of any number, to (T, D) float32 each.

        Frames that are equal, as in a clip shorter than the sample, are encoded once.
        """
        frames, indices = distinct_frames(clips)
        device = self.vit.patch_embed.proj.weight.device
        # Memory is planned for `FRAMES` of each clip; longer clips go through the network in parts.
        together = CPU_FRAMES if device.type == "cpu" else FRAMES * len(clips)
        parts = stacked_on_device(frames, device).split(together)
        # Every frame as a clip of its own: through `forward`, so that hooks on the module see it.
        features = torch.cat([self(unit_pixels(part).unsqueeze(1)) for part in parts])
        if len(frames) < len(indices):
            features = features[on_device(np.array(indices), device)]
        return list(features.split([len(clip) for clip in clips]))

    def blocks(self) -> list[nn.Module]:
        """The repeated layers in which the work is done."""
        return list(self.vit.blocks)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """One vector a clip: (B, T, 3, S, S) in [0, 1] to (B, D) float32."""
        batch, frames = pixels.shape[:2]
        features = self.frame_features(pixels.flatten(0, 1))
        return features.unflatten(0, (batch, frames)).mean(dim=1)
