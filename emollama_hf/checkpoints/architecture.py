"""Sizes of the three networks as plain configurations, and the widths that follow from one; no torch."""

from __future__ import annotations

from typing import Any

from emollama_hf.errors import ModelError

Config = dict[str, Any]


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


def vision_config(
    *,
    image_size: int,
    patch_size: int,
    embed_dim: int,
    depth: int,
    num_heads: int,
    mlp_hidden: int,
    layer_norm_eps: float = 1e-6,
) -> Config:
    """EVA as the vision tower of BLIP-2."""
    return {
        "model_type": "blip_2_vision_model",
        "image_size": image_size,
        "patch_size": patch_size,
        "hidden_size": embed_dim,
        "num_hidden_layers": depth,
        "num_attention_heads": num_heads,
        "intermediate_size": mlp_hidden,
        "hidden_act": "gelu",
        "layer_norm_eps": layer_norm_eps,
        "qkv_bias": True,
    }


def emotion_llama_config(
    *,
    vision: Config,
    text: Config,
    feature_size: int,
    patches_per_token: int = 4,
    image_norm_eps: float = 1e-5,
) -> Config:
    """emotion_llama/config.json from the parts' configurations."""
    return {
        "model_type": "emotion_llama",
        "architectures": ["EmotionLlamaModel"],
        "vision_config": vision,
        "text_config": text,
        "feature_size": feature_size,
        "patches_per_token": patches_per_token,
        "image_norm_eps": image_norm_eps,
    }


def facemae_width(config: Config) -> int:
    """Length of the face encoder's vector. Raises ModelError if the configuration has no `model_args`."""
    try:
        return int(config["model_args"]["embed_dim"])
    except (KeyError, TypeError):
        raise ModelError(
            "facemae/config.json has no model_args with embed_dim: it was not written by emollama_hf. "
            "Convert the face encoder again with emollama-hf convert --facemae."
        ) from None


# transformers leaves values that equal a class's default out of config.json; these are its defaults.


def videomae_width(config: Config) -> int:
    """Length of the video encoder's vector."""
    return int(config.get("hidden_size", 768))


def hidden_size(config: Config) -> int:
    """Width of the decoder's hidden states."""
    return int(config.get("text_config", {}).get("hidden_size", 4096))


def feature_size(config: Config) -> int:
    """Length of the clip features that the decoder's projections take."""
    return int(config.get("feature_size", 1024))


def visual_tokens(config: Config, features: int) -> int:
    """Visual tokens of one clip with that many clip features."""
    vision = config.get("vision_config", {})
    side = int(vision.get("image_size", 224)) // int(vision.get("patch_size", 14))
    return side * side // int(config.get("patches_per_token", 4)) + features + 1


_TINY_TEXT: Config = {
    "model_type": "llama",
    "vocab_size": 32000,
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-5,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
}

_LLAMA_2_7B: Config = {
    **_TINY_TEXT,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
}

#: The same classes with toy widths; the widths differ from each other so that mixing them up fails.
TINY: dict[str, Config] = {
    "facemae": facemae_config(image_size=64, patch_size=16, embed_dim=32, depth=2, num_heads=4),
    "videomae": videomae_config(
        image_size=64, patch_size=16, tubelet_size=2, num_frames=16, embed_dim=32, depth=2, num_heads=4
    ),
    "emotion_llama": emotion_llama_config(
        vision=vision_config(image_size=112, patch_size=14, embed_dim=40, depth=2, num_heads=4, mlp_hidden=80),
        text=_TINY_TEXT,
        feature_size=32,
    ),
}

#: The sizes of the published models.
FULL: dict[str, Config] = {
    "facemae": facemae_config(image_size=224, patch_size=16, embed_dim=1024, depth=24, num_heads=16),
    "videomae": videomae_config(
        image_size=224, patch_size=16, tubelet_size=2, num_frames=16, embed_dim=1024, depth=24, num_heads=16
    ),
    "emotion_llama": emotion_llama_config(
        vision=vision_config(image_size=448, patch_size=14, embed_dim=1408, depth=39, num_heads=16, mlp_hidden=6144),
        text=_LLAMA_2_7B,
        feature_size=1024,
    ),
}
