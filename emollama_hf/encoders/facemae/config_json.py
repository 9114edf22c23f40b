"""facemae/config.json: what is read of it, and the sizes of the tiny and of the published encoder. No torch."""

from __future__ import annotations

from emollama_hf.encoders.config_checks import (
    DEPTH,
    EPS,
    FLAG,
    HEADS,
    WIDTH,
    Config,
    Keys,
    ObjectOf,
    number,
    one_of,
    or_null,
    vision_misfits,
    whole,
)
from emollama_hf.errors import ModelError

#: Face crops of a clip, unless somebody asks for more.
FRAMES = 16
#: timm's arguments of `VisionTransformer`.
_MODEL_ARGS: Keys = {
    "img_size": whole(1, 8192),
    "patch_size": whole(1, 512),
    "in_chans": one_of(3),
    "embed_dim": WIDTH,
    "depth": DEPTH,
    "num_heads": HEADS,
    "mlp_ratio": number(0.1, 64),
    "qkv_bias": FLAG,
    "init_values": or_null(number(0, 100)),
}
KEYS: Keys = {"model_args": ObjectOf(_MODEL_ARGS), "norm_eps": EPS}


def facemae_config(
    *,
    image_size: int,
    patch_size: int,
    embed_dim: int,
    depth: int,
    num_heads: int,
    mlp_ratio: float = 4,
    norm_eps: float = 1e-6,
) -> Config:
    """facemae/config.json in timm's format; sizes of pictures in pixels."""
    return {
        # timm rebuilds the model from a registered name and the arguments that differ from it.
        "architecture": "vit_large_patch16_224",
        "num_classes": 0,
        "num_features": embed_dim,
        "global_pool": "token",
        "norm_eps": norm_eps,  # not an argument of timm's; its own value is 1e-6, too
        "model_args": {
            "img_size": image_size,
            "patch_size": patch_size,
            "embed_dim": embed_dim,
            "depth": depth,
            "num_heads": num_heads,
            "mlp_ratio": mlp_ratio,
        },
        "pretrained_cfg": {
            "input_size": [3, image_size, image_size],
            "fixed_input_size": True,
            "interpolation": "bilinear",
            "crop_pct": 1.0,
            "crop_mode": "squash",
            "mean": [0.0, 0.0, 0.0],
            "std": [1.0, 1.0, 1.0],
            "num_classes": 0,
            "classifier": "head",
            "first_conv": "patch_embed.proj",
        },
    }


def misfits(config: Config) -> list[str]:
    """Sizes that are within bounds each and do not fit each other."""
    return vision_misfits("model_args.", config.get("model_args", {}), "img_size", "embed_dim", "num_heads")


def width(config: Config) -> int:
    """Length of the face encoder's vector. Raises ModelError if the configuration has no `model_args`."""
    try:
        return int(config["model_args"]["embed_dim"])
    except (KeyError, TypeError):
        raise ModelError(
            "facemae/config.json has no model_args with embed_dim: it was not written by emollama_hf. "
            "Convert the face encoder again with emollama-hf convert --facemae."
        ) from None


TINY = facemae_config(image_size=64, patch_size=16, embed_dim=32, depth=2, num_heads=4)
FULL = facemae_config(image_size=224, patch_size=16, embed_dim=1024, depth=24, num_heads=16)
