"""emotion_llama/config.json: its sizes, tiny and as published, and the widths that follow from one. No torch."""

from __future__ import annotations

from emollama_hf.encoders.config_checks import Config, one_side


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
    """emotion_llama/config.json from the configurations of its networks."""
    return {
        "model_type": "emotion_llama",
        "architectures": ["EmotionLlamaModel"],
        "vision_config": vision,
        "text_config": text,
        "feature_size": feature_size,
        "patches_per_token": patches_per_token,
        "image_norm_eps": image_norm_eps,
    }


# transformers leaves values that equal a class's default out of config.json; these are its defaults.


def hidden_size(config: Config) -> int:
    """Width of the decoder's hidden states."""
    return int(config.get("text_config", {}).get("hidden_size", 4096))


def blocks(config: Config) -> int:
    """Blocks of the decoder."""
    return int(config.get("text_config", {}).get("num_hidden_layers", 32))


def vocabulary(config: Config) -> int:
    """Pieces that the decoder knows."""
    return int(config.get("text_config", {}).get("vocab_size", 32_000))


def longest_sequence(config: Config) -> int:
    """Positions that the decoder was trained for."""
    return int(config.get("text_config", {}).get("max_position_embeddings", 2048))


def feature_size(config: Config) -> int:
    """Length of the clip features that the decoder's projections take."""
    return int(config.get("feature_size", 1024))


def patches_per_token(config: Config) -> int:
    """Neighbouring patches of a row that are joined to one image token."""
    return int(config.get("patches_per_token", 4))


def patches(config: Config) -> int:
    """Patches of one picture in the image encoder."""
    return (image_size(config) // one_side(config.get("vision_config", {}).get("patch_size", 14))) ** 2


def image_width(config: Config) -> int:
    """Width of the image encoder's tokens."""
    return int(config.get("vision_config", {}).get("hidden_size", 1408))


def image_size(config: Config) -> int:
    """Side of the image encoder's square input in pixels."""
    return one_side(config.get("vision_config", {}).get("image_size", 224))


def visual_tokens(config: Config, features: int) -> int:
    """Visual tokens of one clip with 2 (fork) or 3 (upstream) clip features: 259 or 260 at real size."""
    return patches(config) // patches_per_token(config) + features + 1


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

#: Toy widths, which differ from each other so that mixing them up fails.
TINY = emotion_llama_config(
    vision=vision_config(image_size=112, patch_size=14, embed_dim=40, depth=2, num_heads=4, mlp_hidden=80),
    text=_TINY_TEXT,
    feature_size=32,
)
FULL = emotion_llama_config(
    vision=vision_config(image_size=448, patch_size=14, embed_dim=1408, depth=39, num_heads=16, mlp_hidden=6144),
    text=_LLAMA_2_7B,
    feature_size=1024,
)
