"""An image model of timm or transformers around a clip: pictures as it was trained on them, a vector of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from emollama_hf.computing.device_copies import on_device
from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.image_encoder.timm_images import TimmPictures, timm_feature
from emollama_hf.encoders.image_encoder.transformers_images import TransformersPictures, transformers_feature
from emollama_hf.encoders.repeated_layers import repeated_layers

#: Pictures of a clip that are computed together: those that `sample_frames` takes of one.
TOGETHER = 16


class ImageNetwork(nn.Module):
    """The pooled feature before the head of any image model.

    Args:
        model: of timm, without a head, or of transformers.
        config: "library", "preprocessing", "width", and of transformers "model_type" and "pooling".

    Source: timm, `forward_head(forward_features(x), pre_logits=True)` of the transform that
    `create_transform(**resolve_model_data_config(model))` makes; transformers, `pooler_output` of the model for what
    its own image processor returns, and without one the class token, else the mean of all tokens or positions.
    """

    def __init__(self, model: nn.Module, config: Config) -> None:
        super().__init__()
        self.model = model
        self.config = config
        self.width = int(config["width"])
        self._pictures: TimmPictures | TransformersPictures
        with torch.device("cpu"):  # mean and standard deviation have values where the model has none
            if config["library"] == "timm":
                self._pictures = TimmPictures(config["preprocessing"])
            else:
                self._pictures = TransformersPictures(config["preprocessing"], config["model_type"])

    def blocks(self) -> list[nn.Module]:
        """The repeated layers in which the work is done."""
        return repeated_layers(self.model)

    def prepared(self, frames: np.ndarray) -> np.ndarray:
        """The model's own preprocessing of a clip's frames.

        Args:
            frames: (T, H, W, 3) uint8 RGB, of any size.

        Returns:
            (T, 3, S, S) float32.
        """
        return self._pictures(frames)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(T, 3, S, S) pictures as `prepared` to (T, D) float32."""
        model: Any = self.model
        weight = next(model.parameters())
        pixels = pixels.to(device=weight.device, dtype=weight.dtype)
        if self.config["library"] == "timm":
            return timm_feature(model, pixels).float()
        return transformers_feature(model, pixels, self.config["pooling"]).float()

    @torch.no_grad()
    def sequences(self, clips: Sequence[np.ndarray]) -> list[torch.Tensor]:
        """One vector a frame.

        Args:
            clips: (T, 3, S, S) float32 each, from `prepared`. Each is computed by itself: a clip's values do not depend
                on the clips beside it.

        Returns:
            (T, D) float32 for each clip, on the device of the weights.
        """
        device = next(self.model.parameters()).device
        return [
            torch.cat([self(on_device(clip[at : at + TOGETHER], device)) for at in range(0, len(clip), TOGETHER)])
            for clip in clips
        ]

    def embed(self, clips: Sequence[np.ndarray]) -> list[torch.Tensor]:
        """One vector a clip, the mean over its frames: (D,) float32 for each."""
        return [frames.mean(dim=0) for frames in self.sequences(clips)]
