"""The kinds of video encoders, and their settings with transformers' defaults. A new one is an entry here. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emollama_hf.encoders.config_checks import (
    ACTIVATION,
    DEPTH,
    EPS,
    FLAG,
    HEADS,
    IMAGE,
    INNER_WIDTH,
    PATCH,
    WIDTH,
    Config,
    Keys,
    number,
    one_of,
    one_side,
    whole,
)
from emollama_hf.encoders.video_encoder.preprocessing import (
    HALF,
    IMAGENET_MEAN,
    IMAGENET_STD,
    PREPROCESSING_KEYS,
    assumed,
)
from emollama_hf.encoders.video_encoder.video_kind import VideoKind

if TYPE_CHECKING:
    from torch import nn

_FRAME_COUNT, _TUBELET = whole(1, 1024), whole(1, 64)
_BLOCKS: Keys = {
    "hidden_size": WIDTH,
    "num_hidden_layers": DEPTH,
    "num_attention_heads": HEADS,
    "hidden_act": ACTIVATION,
    "layer_norm_eps": EPS,
}
_BIAS: Keys = {"qkv_bias": FLAG}
_PICTURES: Keys = {
    "image_size": IMAGE,
    "num_channels": one_of(3),
    "num_frames": _FRAME_COUNT,
    "intermediate_size": INNER_WIDTH,
}
_BASE: Config = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-6,
    "image_size": 224,
    "num_channels": 3,
    "intermediate_size": 3072,
}


class _FixedFrames(VideoKind):
    """A kind whose table of positions is for a number of frames."""

    def frame_count(self, settings: Mapping[str, Any]) -> int | None:
        return int(settings["num_frames"])

    def tubelet(self, settings: Mapping[str, Any]) -> int:
        return int(settings["tubelet_size"])

    def patch(self, settings: Mapping[str, Any]) -> int:
        return one_side(settings["patch_size"])

    def inner_width(self, settings: Mapping[str, Any]) -> int:
        return int(settings["intermediate_size"])


class _VideoMAE(_FixedFrames):
    """Tubelets in time, row, column order; a final norm unless `use_mean_pooling`."""


class _TimeSformer(_FixedFrames):
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


class _ViViT(_FixedFrames):
    """A class token, then tubelets in time, row, column order."""

    def tubelet(self, settings: Mapping[str, Any]) -> int:
        return int(settings["tubelet_size"][0])

    def patch(self, settings: Mapping[str, Any]) -> int:
        return int(settings["tubelet_size"][1])

    def blocks(self, model: Any) -> list[nn.Module]:
        return list(model.layers)


class _VJEPA2(VideoKind):
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


def _tubelet_size(value: Any) -> str | None:
    time, side = whole(1, 64), PATCH
    good = isinstance(value, list) and len(value) == 3 and time(value[0]) is None and side(value[1:]) is None
    return None if good else "three whole numbers: frames, and twice the side of a patch"


VIDEO_KINDS: tuple[VideoKind, ...] = (
    _VideoMAE(
        "videomae",
        "VideoMAEModel",
        {
            **_BLOCKS,
            **_PICTURES,
            "qv_bias": FLAG,
            "patch_size": PATCH,
            "tubelet_size": _TUBELET,
            "use_mean_pooling": FLAG,
        },
        {
            **_BASE,
            "qv_bias": True,
            "layer_norm_eps": 1e-12,
            "num_frames": 16,
            "patch_size": 16,
            "tubelet_size": 2,
            "use_mean_pooling": True,
        },
        PREPROCESSING_KEYS,
        assumed(HALF, HALF, edge=224, crop=224),
        old_names={"qkv_bias": "qv_bias"},
        processor="VideoMAEVideoProcessor",
    ),
    _VJEPA2(
        "vjepa2",
        "VJEPA2Model",
        {
            **_BLOCKS,
            **_BIAS,
            "crop_size": whole(1, 8192),
            "in_chans": one_of(3),
            "frames_per_clip": _FRAME_COUNT,
            "patch_size": PATCH,
            "tubelet_size": _TUBELET,
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
    ),
    _TimeSformer(
        "timesformer",
        "TimesformerModel",
        {
            **_BLOCKS,
            **_PICTURES,
            **_BIAS,
            "patch_size": PATCH,
            # Of space alone, the blocks give a class token a frame, which no published model has.
            "attention_type": one_of("divided_space_time", "joint_space_time"),
        },
        {**_BASE, "qkv_bias": True, "num_frames": 8, "patch_size": 16, "attention_type": "divided_space_time"},
        PREPROCESSING_KEYS,
        assumed(IMAGENET_MEAN, IMAGENET_STD, edge=224, crop=224),
        processor="TimesformerVideoProcessor",
        class_token=True,
        order="space, time",
    ),
    _ViViT(
        "vivit",
        "VivitModel",
        {
            **_BLOCKS,
            **_PICTURES,
            **_BIAS,
            "hidden_act": one_of("gelu_fast", "gelu", "gelu_new", "relu"),
            "tubelet_size": _tubelet_size,
        },
        {**_BASE, "qkv_bias": True, "hidden_act": "gelu_fast", "num_frames": 32, "tubelet_size": [2, 16, 16]},
        PREPROCESSING_KEYS,
        assumed(HALF, HALF, edge=256, crop=224, factor=1 / 127.5),
        arguments={"add_pooling_layer": False},
        processor="VivitVideoProcessor",
        class_token=True,
    ),
)
