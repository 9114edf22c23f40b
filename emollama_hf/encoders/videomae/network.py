"""VideoMAE: one vector for the motion of a clip, from a video ViT trained as a masked autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import VideoMAEConfig, VideoMAEModel

from emollama_hf.computing.device_copies import stacked_on_device
from emollama_hf.encoders.pixels import resize_stack
from emollama_hf.encoders.scaling import unit_pixels


class VideoMAE(nn.Module):
    """Mean of all space-time tokens, without a final norm.

    encoder: transformers' model with `use_mean_pooling=True`, which is what leaves the final norm out.
    Source: upstream Emotion-LLaMA's VideoMAE features. The fork's script loads none of its weights.
    """

    def __init__(self, encoder: VideoMAEModel) -> None:
        super().__init__()
        if not encoder.config.use_mean_pooling:
            raise ValueError(
                "VideoMAE: the encoder's configuration has use_mean_pooling=false, which adds a final norm "
                "that the original does not apply. Set it to true in videomae/config.json."
            )
        self.encoder = encoder

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> VideoMAE:
        """An encoder of this architecture; its weights are to be filled in."""
        return cls(VideoMAEModel._from_config(VideoMAEConfig(**config), attn_implementation="sdpa"))

    @property
    def config(self) -> VideoMAEConfig:
        return self.encoder.config

    @property
    def image_size(self) -> int:
        """Side of the square input in pixels."""
        size = self.config.image_size
        return size if isinstance(size, int) else size[0]

    @property
    def num_frames(self) -> int:
        return int(self.config.num_frames)

    @property
    def width(self) -> int:
        """Length of the feature vector."""
        return int(self.config.hidden_size)

    def pixels(self, frames: np.ndarray) -> torch.Tensor:
        """Input of the encoder for the sampled frames of a clip, of any size.

        frames: (T, H, W, 3) uint8 RGB, T as configured (16).  Returns (T, 3, S, S) float32 in [0, 1].
        Raises ValueError for another number of frames.
        """
        return unit_pixels(self.resized(frames))

    def resized(self, frames: np.ndarray) -> np.ndarray:
        """(T, H, W, 3) uint8 RGB of any size to (T, S, S, 3) uint8. Raises ValueError for another T."""
        if len(frames) != self.num_frames:
            raise ValueError(f"VideoMAE takes {self.num_frames} frames of a clip, got {len(frames)}")
        size = self.image_size
        return resize_stack(frames, (size, size), "bilinear")

    def tokens(self, pixels: torch.Tensor) -> torch.Tensor:
        """All tokens, in time, row, column order: (B, T, 3, S, S) to (B, n, D) in the weights' dtype."""
        weight = self.encoder.embeddings.patch_embeddings.projection.weight
        pixels = pixels.to(device=weight.device, dtype=weight.dtype)
        return self.encoder(pixel_values=pixels).last_hidden_state

    def embed(self, clips: Sequence[np.ndarray]) -> torch.Tensor:
        """One vector a clip: clips of `resized` frames to (B, D) float32."""
        return self(self._stacked(clips))

    def sequences(self, clips: Sequence[np.ndarray]) -> torch.Tensor:
        """One vector a tubelet, the mean of its tokens: clips of `resized` frames to (B, t, D) float32."""
        tubelets = self.num_frames // int(self.config.tubelet_size)
        return self.all_tokens(clips).unflatten(1, (tubelets, -1)).mean(dim=2)

    def all_tokens(self, clips: Sequence[np.ndarray]) -> torch.Tensor:
        """Clips of `resized` frames to their tokens in time, row, column order, (B, n, D) float32."""
        return self.tokens(self._stacked(clips)).float()

    def _stacked(self, clips: Sequence[np.ndarray]) -> torch.Tensor:
        """(B, T, 3, S, S) float32 in [0, 1], on the device of the weights."""
        return unit_pixels(stacked_on_device(clips, self.encoder.embeddings.patch_embeddings.projection.weight.device))

    def move_positions(self) -> None:
        """Put the table of positions, which is neither parameter nor buffer, where the weights are and in their type.

        transformers would cast and copy it for each batch, and the host would wait for that.
        """
        weight, embeddings = self.encoder.embeddings.patch_embeddings.projection.weight, self.encoder.embeddings
        embeddings.position_embeddings = embeddings.position_embeddings.to(device=weight.device, dtype=weight.dtype)

    def blocks(self) -> list[nn.Module]:
        """The repeated layers in which the work is done."""
        return list(self.encoder.encoder.layer)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """One vector a clip: (B, T, 3, S, S) in [0, 1] to (B, D) float32."""
        return self.tokens(pixels).float().mean(dim=1)
