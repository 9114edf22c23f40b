"""Settings that the video encoders of transformers share, with its defaults. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emollama_hf.encoders.config_checks import (
    ACTIVATION,
    DEPTH,
    EPS,
    HEADS,
    IMAGE,
    INNER_WIDTH,
    WIDTH,
    Config,
    Keys,
    one_of,
    one_side,
    whole,
)
from emollama_hf.encoders.video_encoder.video_kind import VideoKind

FRAME_COUNT, TUBELET = whole(1, 1024), whole(1, 64)
BLOCKS: Keys = {
    "hidden_size": WIDTH,
    "num_hidden_layers": DEPTH,
    "num_attention_heads": HEADS,
    "hidden_act": ACTIVATION,
    "layer_norm_eps": EPS,
}
PICTURES: Keys = {
    "image_size": IMAGE,
    "num_channels": one_of(3),
    "num_frames": FRAME_COUNT,
    "intermediate_size": INNER_WIDTH,
}
BASE: Config = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-6,
    "image_size": 224,
    "num_channels": 3,
    "intermediate_size": 3072,
}


class FixedFramesKind(VideoKind):
    """A kind whose table of positions is for a number of frames."""

    def frame_count(self, settings: Mapping[str, Any]) -> int | None:
        return int(settings["num_frames"])

    def tubelet(self, settings: Mapping[str, Any]) -> int:
        return int(settings["tubelet_size"])

    def patch(self, settings: Mapping[str, Any]) -> int:
        return one_side(settings["patch_size"])

    def inner_width(self, settings: Mapping[str, Any]) -> int:
        return int(settings["intermediate_size"])
