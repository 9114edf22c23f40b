"""Tiny encoders of video of each kind, as transformers builds and saves them, with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    PreTrainedModel,
    TimesformerConfig,
    TimesformerModel,
    TimesformerVideoProcessor,
    VideoMAEConfig,
    VideoMAEModel,
    VideoMAEVideoProcessor,
    VivitConfig,
    VivitModel,
    VivitVideoProcessor,
    VJEPA2Config,
    VJEPA2Model,
    VJEPA2VideoProcessor,
)

SIDE = 32
_VIT: dict[str, Any] = {
    "image_size": SIDE,
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 40,
}
_VIDEOMAE = {**_VIT, "patch_size": 8, "num_frames": 8, "tubelet_size": 2}
VJEPA2: dict[str, Any] = {
    "crop_size": SIDE,
    "patch_size": 8,
    "frames_per_clip": 8,
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "mlp_ratio": 1.5,
    "pred_hidden_size": 24,
    "pred_num_attention_heads": 2,
    "pred_num_hidden_layers": 1,
    "pred_num_mask_tokens": 2,
}
_PICTURES: dict[str, Any] = {"size": {"shortest_edge": 36}, "crop_size": {"height": SIDE, "width": SIDE}}
_VIDEOMAE_PICTURES = VideoMAEVideoProcessor(**_PICTURES)
_TIMESFORMER_PICTURES = TimesformerVideoProcessor(**_PICTURES)
#: Models and their processors by name.
MODELS: dict[str, tuple[Any, Any, Any]] = {
    "videomae": (VideoMAEModel, VideoMAEConfig(**_VIDEOMAE), _VIDEOMAE_PICTURES),
    "videomae with a final norm": (
        VideoMAEModel,
        VideoMAEConfig(**_VIDEOMAE, use_mean_pooling=False),
        _VIDEOMAE_PICTURES,
    ),
    "vjepa2": (VJEPA2Model, VJEPA2Config(**VJEPA2), VJEPA2VideoProcessor(crop_size=SIDE)),
    "timesformer": (TimesformerModel, TimesformerConfig(**_VIT, patch_size=8, num_frames=4), _TIMESFORMER_PICTURES),
    "timesformer, joint": (
        TimesformerModel,
        TimesformerConfig(**_VIT, patch_size=8, num_frames=4, attention_type="joint_space_time"),
        _TIMESFORMER_PICTURES,
    ),
    "vivit": (
        VivitModel,
        VivitConfig(**_VIT, num_frames=8, tubelet_size=[2, 8, 8]),
        VivitVideoProcessor(**_PICTURES),
    ),
}


def original(name: str, seed: int = 0) -> tuple[PreTrainedModel, Any]:
    """A model of transformers whose every weight is random, norms and biases included, and its processor."""
    model_class, config, processor = MODELS[name]
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        model = model_class(config).eval()
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)
    return model, processor


def saved(model: PreTrainedModel, processor: Any, path: Path) -> Path:
    """A directory as transformers writes it."""
    model.save_pretrained(path)
    processor.save_pretrained(path)
    return path


def clip(frames: int, *, size: tuple[int, int] = (40, 52), seed: int = 0) -> np.ndarray:
    """A picture that moves and brightens, with noise: (T, H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 160, (*size, 3))
    moved = [
        np.roll(picture, 3 * frame, axis=1) + 4 * frame + rng.integers(0, 20, (*size, 3)) for frame in range(frames)
    ]
    return np.stack(moved).clip(0, 255).astype(np.uint8)
