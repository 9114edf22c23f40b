"""ViViT: settings and tokens. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emollama_hf.encoders.config_checks import FLAG, PATCH, one_of, whole
from emollama_hf.encoders.video_encoder.fixed_frames import BASE, BLOCKS, PICTURES, FixedFramesKind
from emollama_hf.encoders.video_encoder.preprocessing import HALF, PREPROCESSING_KEYS, assumed

if TYPE_CHECKING:
    from torch import nn


class ViViTKind(FixedFramesKind):
    """A class token, then tubelets in time, row, column order."""

    def tubelet(self, settings: Mapping[str, Any]) -> int:
        return int(settings["tubelet_size"][0])

    def patch(self, settings: Mapping[str, Any]) -> int:
        return int(settings["tubelet_size"][1])

    def blocks(self, model: Any) -> list[nn.Module]:
        return list(model.layers)


def _tubelet_size(value: Any) -> str | None:
    time, side = whole(1, 64), PATCH
    good = isinstance(value, list) and len(value) == 3 and time(value[0]) is None and side(value[1:]) is None
    return None if good else "three whole numbers: frames, and twice the side of a patch"


VIVIT = ViViTKind(
    "vivit",
    "VivitModel",
    {
        **BLOCKS,
        **PICTURES,
        "qkv_bias": FLAG,
        "hidden_act": one_of("gelu_fast", "gelu", "gelu_new", "relu"),
        "tubelet_size": _tubelet_size,
    },
    {**BASE, "qkv_bias": True, "hidden_act": "gelu_fast", "num_frames": 32, "tubelet_size": [2, 16, 16]},
    PREPROCESSING_KEYS,
    assumed(HALF, HALF, edge=256, crop=224, factor=1 / 127.5),
    arguments={"add_pooling_layer": False},
    processor="VivitVideoProcessor",
    class_token=True,
    widths=13,  # its gelu_fast is computed in steps, each with values of the inner width
)
