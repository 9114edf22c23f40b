"""Settings of transformers' processors of video: resizing, crop, scale, mean and standard deviation. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emollama_hf.encoders.config_checks import FLAG, Config, Keys, number, one_of, whole

_EDGE = whole(1, 8192)
_SIDES = ({"height", "width"}, {"shortest_edge"})


def _size(value: Any) -> str | None:
    sides = value if isinstance(value, Mapping) else {"shortest_edge": value}
    good = set(sides) in _SIDES and all(_EDGE(side) is None for side in sides.values())
    return None if good else "height and width, or shortest_edge, from 1 to 8192 pixels"


def _three(value: Any) -> str | None:
    each = number(-1000, 1000)
    good = isinstance(value, list) and len(value) == 3 and all(each(one) is None for one in value)
    return None if good else "three numbers, for red, green and blue"


PREPROCESSING_KEYS: Keys = {
    "do_resize": FLAG,
    "size": _size,
    "resample": one_of(0, 1, 2, 3, 4, 5),  # of Pillow
    "do_center_crop": FLAG,
    "crop_size": _size,
    "do_rescale": FLAG,
    "rescale_factor": number(1e-6, 1),
    "do_normalize": FLAG,
    "image_mean": _three,
    "image_std": _three,
    "offset": one_of(True),  # ViViT's: its processor shifts to [-1, 1] always
}
BILINEAR = 2
HALF = [0.5, 0.5, 0.5]
IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def assumed(mean: list[float], std: list[float], *, edge: int, crop: int, factor: float = 1 / 255) -> Config:
    """What a class of transformers assumes: the shorter side resized, the middle cropped."""
    return {
        "do_resize": True,
        "size": {"shortest_edge": edge},
        "resample": BILINEAR,
        "do_center_crop": True,
        "crop_size": {"height": crop, "width": crop},
        "do_rescale": True,
        "rescale_factor": factor,
        "do_normalize": True,
        "image_mean": mean,
        "image_std": std,
    }


def side_of(preprocessing: Mapping[str, Any]) -> int | None:
    """The side of the square that a square picture becomes; None for another shape, or the picture's own size."""
    name = "crop_size" if preprocessing["do_center_crop"] else "size"
    if name == "size" and not preprocessing["do_resize"]:
        return None
    size = preprocessing[name]
    sides = set(size.values() if isinstance(size, Mapping) else [size])
    return sides.pop() if len(sides) == 1 else None
