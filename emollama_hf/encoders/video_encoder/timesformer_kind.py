"""TimeSformer: settings and tokens. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emollama_hf.encoders.config_checks import FLAG, PATCH, one_of, one_side
from emollama_hf.encoders.video_encoder.fixed_frames import BASE, BLOCKS, PICTURES, FixedFramesKind
from emollama_hf.encoders.video_encoder.preprocessing import IMAGENET_MEAN, IMAGENET_STD, PREPROCESSING_KEYS, assumed


class TimeSformerKind(FixedFramesKind):
    """A class token, then tokens in row, column, time order; attention of its own, which keeps its matrices."""

    def tubelet(self, settings: Mapping[str, Any]) -> int:
        return 1

    def library_config(self, settings: Mapping[str, Any]) -> Any:
        # Its blocks divide the one by the other, which pairs cannot be.
        sides = {name: one_side(settings[name]) for name in ("image_size", "patch_size")}
        return super().library_config({**settings, **sides})

    def attention_values(self, settings: Mapping[str, Any]) -> int:
        heads, frames, patches = settings["num_attention_heads"], settings["num_frames"], self.patches(settings)
        if settings["attention_type"] == "divided_space_time":
            matrices = max(frames * (patches + 1) ** 2, patches * frames**2)
        else:
            matrices = (frames * patches + 1) ** 2
        return int(2 * heads * matrices)  # before and after the softmax


TIMESFORMER = TimeSformerKind(
    "timesformer",
    "TimesformerModel",
    {
        **BLOCKS,
        **PICTURES,
        "qkv_bias": FLAG,
        "patch_size": PATCH,
        # Of space alone, the blocks give a class token a frame, which no published model has.
        "attention_type": one_of("divided_space_time", "joint_space_time"),
    },
    {**BASE, "qkv_bias": True, "num_frames": 8, "patch_size": 16, "attention_type": "divided_space_time"},
    PREPROCESSING_KEYS,
    assumed(IMAGENET_MEAN, IMAGENET_STD, edge=224, crop=224),
    processor="TimesformerVideoProcessor",
    class_token=True,
    order="space, time",
)
