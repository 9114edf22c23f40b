"""videomae/config.json: what is read of it, and the sizes of the tiny and of the published encoder. No torch."""

from __future__ import annotations

from emollama_hf.encoders.config_checks import (
    ACTIVATION,
    DEPTH,
    EPS,
    FLAG,
    HEADS,
    IMAGE,
    INNER_WIDTH,
    PATCH,
    SHARE,
    WIDTH,
    Config,
    Keys,
    one_of,
    one_side,
    vision_misfits,
    whole,
)

KEYS: Keys = {
    "model_type": one_of("videomae"),
    "image_size": IMAGE,
    "patch_size": PATCH,
    "tubelet_size": whole(1, 64),
    "num_frames": whole(1, 1024),
    "num_channels": one_of(3),
    "hidden_size": WIDTH,
    "num_hidden_layers": DEPTH,
    "num_attention_heads": HEADS,
    "intermediate_size": INNER_WIDTH,
    "hidden_act": ACTIVATION,
    "hidden_dropout_prob": SHARE,
    "attention_probs_dropout_prob": SHARE,
    "layer_norm_eps": EPS,
    "qkv_bias": FLAG,
    "qv_bias": FLAG,
    "use_mean_pooling": FLAG,
}


def videomae_config(
    *,
    image_size: int,
    patch_size: int,
    tubelet_size: int,
    num_frames: int,
    embed_dim: int,
    depth: int,
    num_heads: int,
    mlp_ratio: float = 4,
    layer_norm_eps: float = 1e-6,
) -> Config:
    """videomae/config.json of transformers' VideoMAEModel: biases on query and value only, no final norm."""
    return {
        "model_type": "videomae",
        "architectures": ["VideoMAEModel"],
        "image_size": image_size,
        "patch_size": patch_size,
        "tubelet_size": tubelet_size,
        "num_frames": num_frames,
        "num_channels": 3,
        "hidden_size": embed_dim,
        "num_hidden_layers": depth,
        "num_attention_heads": num_heads,
        "intermediate_size": int(embed_dim * mlp_ratio),
        "hidden_act": "gelu",
        "layer_norm_eps": layer_norm_eps,
        "qv_bias": True,
        "use_mean_pooling": True,
    }


def misfits(config: Config) -> list[str]:
    """Sizes that are within bounds each and do not fit each other."""
    frames, tubelet = num_frames(config), config.get("tubelet_size", 2)
    wrong = [] if frames % tubelet == 0 else [f"num_frames={frames}, which tubelet_size={tubelet} does not divide"]
    tubelets = max(1, frames // tubelet)
    return wrong + vision_misfits("", config, "image_size", "hidden_size", "num_attention_heads", tubelets)


def width(config: Config) -> int:
    """Length of the video encoder's vector. transformers leaves values that equal a default out; this is its own."""
    return int(config.get("hidden_size", 768))


def num_frames(config: Config) -> int:
    """Frames of a clip that the encoder takes, 16 for the published one."""
    return int(config.get("num_frames", 16))


def tubelets(config: Config) -> int:
    """Groups of neighbouring frames of a clip that have tokens of their own, 8 of the published encoder."""
    return num_frames(config) // int(config.get("tubelet_size", 2))


def tokens(config: Config) -> int:
    """Tokens of a clip, 1568 of the published encoder."""
    patches = one_side(config.get("image_size", 224)) // one_side(config.get("patch_size", 16))
    return tubelets(config) * patches**2


TINY = videomae_config(image_size=64, patch_size=16, tubelet_size=2, num_frames=16, embed_dim=32, depth=2, num_heads=4)
FULL = videomae_config(
    image_size=224, patch_size=16, tubelet_size=2, num_frames=16, embed_dim=1024, depth=24, num_heads=16
)
