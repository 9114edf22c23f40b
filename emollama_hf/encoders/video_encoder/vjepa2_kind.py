"""V-JEPA 2: settings and tokens. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emollama_hf.encoders.config_checks import FLAG, HEADS, PATCH, WIDTH, Config, number, one_of, one_side, whole
from emollama_hf.encoders.video_encoder.fixed_frames import BLOCKS, FRAME_COUNT, TUBELET
from emollama_hf.encoders.video_encoder.preprocessing import IMAGENET_MEAN, IMAGENET_STD, PREPROCESSING_KEYS, assumed
from emollama_hf.encoders.video_encoder.video_kind import VideoKind

if TYPE_CHECKING:
    from torch import nn


class VJEPA2Kind(VideoKind):
    """The encoder without the predictor: tubelets in time, row, column order, positions by rotation."""

    def frame_count(self, settings: Mapping[str, Any]) -> int | None:
        return None

    def tubelet(self, settings: Mapping[str, Any]) -> int:
        return int(settings["tubelet_size"])

    def patch(self, settings: Mapping[str, Any]) -> int:
        return one_side(settings["patch_size"])

    def inner_width(self, settings: Mapping[str, Any]) -> int:
        return int(settings["hidden_size"] * settings["mlp_ratio"])

    def library_config(self, settings: Mapping[str, Any]) -> Any:
        # Its blocks divide the one by the other, which pairs cannot be.
        return super().library_config({**settings, "patch_size": one_side(settings["patch_size"])})

    def around(self, model: Any, config: Config) -> nn.Module:
        model.predictor = None
        return super().around(model, config)

    def last_states(self, model: Any, pixels: Any) -> Any:
        return model.encoder(pixels).last_hidden_state


VJEPA2 = VJEPA2Kind(
    "vjepa2",
    "VJEPA2Model",
    {
        **BLOCKS,
        "qkv_bias": FLAG,
        "crop_size": whole(1, 8192),
        "in_chans": one_of(3),
        "frames_per_clip": FRAME_COUNT,
        "patch_size": PATCH,
        "tubelet_size": TUBELET,
        "mlp_ratio": number(0.01, 64),
        # Of the predictor, whose tensors the files hold.
        "pred_hidden_size": WIDTH,
        "pred_num_attention_heads": HEADS,
        "pred_num_hidden_layers": whole(0, 512),
        "pred_num_mask_tokens": whole(0, 1024),
        "pred_mlp_ratio": number(0.01, 64),
    },
    {
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-6,
        "qkv_bias": True,
        "crop_size": 256,
        "in_chans": 3,
        "frames_per_clip": 64,
        "patch_size": 16,
        "tubelet_size": 2,
        "mlp_ratio": 4.0,
        "pred_hidden_size": 384,
        "pred_num_attention_heads": 12,
        "pred_num_hidden_layers": 12,
        "pred_num_mask_tokens": 10,
        "pred_mlp_ratio": 4.0,
    },
    PREPROCESSING_KEYS,
    assumed(IMAGENET_MEAN, IMAGENET_STD, edge=292, crop=256),
    processor="VJEPA2VideoProcessor",
    size_name="crop_size",
)
