"""How many parameters a network of some configuration has, by arithmetic: no torch, no network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from emollama_hf.checkpoints.architecture import Config, feature_size, hidden_size

# transformers and timm leave values that equal a default out of a configuration: the defaults below are theirs.


@dataclass(frozen=True)
class Blocks:
    """A stack of transformer blocks. width, mlp: of a token between and within the blocks' two layers."""

    width: int
    mlp: int
    depth: int


def facemae_blocks(config: Config) -> Blocks:
    sizes = config["model_args"]
    width = int(sizes.get("embed_dim", 768))
    return Blocks(width, int(width * sizes.get("mlp_ratio", 4)), int(sizes.get("depth", 12)))


def videomae_blocks(config: Config) -> Blocks:
    return Blocks(
        int(config.get("hidden_size", 768)),
        int(config.get("intermediate_size", 3072)),
        int(config.get("num_hidden_layers", 12)),
    )


def vision_blocks(config: Config) -> Blocks:
    """EVA, of emotion_llama's configuration."""
    vision = config.get("vision_config", {})
    return Blocks(
        int(vision.get("hidden_size", 1408)),
        int(vision.get("intermediate_size", 6144)),
        int(vision.get("num_hidden_layers", 39)),
    )


def decoder_blocks(config: Config) -> Blocks:
    """Llama, of emotion_llama's configuration."""
    text = config.get("text_config", {})
    return Blocks(
        hidden_size(config), int(text.get("intermediate_size", 11008)), int(text.get("num_hidden_layers", 32))
    )


def decoder_matrices(config: Config) -> Iterator[tuple[int, int]]:
    """(rows, columns) of every linear layer of the decoder: those that quantization is about."""
    text, blocks = config.get("text_config", {}), decoder_blocks(config)
    heads = int(text.get("num_attention_heads", 32))
    of_head = int(text.get("head_dim") or blocks.width // heads)
    keys = of_head * int(text.get("num_key_value_heads") or heads)
    for _ in range(blocks.depth):
        yield from ((of_head * heads, blocks.width), (keys, blocks.width), (keys, blocks.width))
        yield (blocks.width, of_head * heads)
        yield from ((blocks.mlp, blocks.width), (blocks.mlp, blocks.width), (blocks.width, blocks.mlp))


def tokens(part: str, config: Config) -> int:
    """Tokens of one clip in a part's image encoder: 16 x 197, 1568, 1025 at real size."""
    if part == "facemae":
        sizes = config["model_args"]
        return 16 * (_patches(sizes.get("img_size", 224), sizes.get("patch_size", 16)) + 1)
    if part == "videomae":
        times = int(config.get("num_frames", 16)) // int(config.get("tubelet_size", 2))
        return times * _patches(config.get("image_size", 224), config.get("patch_size", 16))
    vision = config.get("vision_config", {})
    return _patches(vision.get("image_size", 224), vision.get("patch_size", 14)) + 1


def parameter_count(part: str, config: Config) -> int:
    """Parameters of a part's network, without what a model directory keeps and the network does not use."""
    if part == "facemae":
        sizes, blocks = config["model_args"], facemae_blocks(config)
        patch = int(sizes.get("patch_size", 16))
        positions = tokens(part, config) // 16
        embedding = blocks.width * (3 * patch * patch + 1) + blocks.width * (positions + 1)
        return embedding + blocks.depth * _vit_block(blocks, biases=3) + 2 * blocks.width
    if part == "videomae":
        blocks = videomae_blocks(config)
        patch, times = int(config.get("patch_size", 16)), int(config.get("tubelet_size", 2))
        embedding = blocks.width * (int(config.get("num_channels", 3)) * times * patch * patch + 1)
        # Positions are computed, and mean pooling goes without a final norm.
        return embedding + blocks.depth * _vit_block(blocks, biases=2 if config.get("qv_bias", True) else 0)
    return _vision(config) + _projections(config) + _decoder(config)


def stream_parameters(config: Config) -> int:
    """Of emotion_llama's parameters, those that add to EVA's residual stream or norm it: tables, class token, norms."""
    blocks = vision_blocks(config)
    return blocks.width * (tokens("emotion_llama", config) + 1 + 4 * blocks.depth + 2)


def _vision(config: Config) -> int:
    vision, blocks = config.get("vision_config", {}), vision_blocks(config)
    patch = int(vision.get("patch_size", 14))
    embedding = blocks.width * (3 * patch * patch + 1) + blocks.width * (tokens("emotion_llama", config) + 1)
    block = _vit_block(blocks, biases=3 if vision.get("qkv_bias", True) else 0)
    return embedding + blocks.depth * block + 2 * blocks.width


def _projections(config: Config) -> int:
    width, hidden = vision_blocks(config).width, hidden_size(config)
    inputs = (width * int(config.get("patches_per_token", 4)), width, *[feature_size(config)] * 3)
    return sum(hidden * (size + 1) for size in inputs)


def _decoder(config: Config) -> int:
    text, blocks = config.get("text_config", {}), decoder_blocks(config)
    matrices = sum(rows * columns for rows, columns in decoder_matrices(config))
    norms = blocks.width * (2 * blocks.depth + 1)
    return int(text.get("vocab_size", 32000)) * blocks.width + matrices + norms


def _vit_block(blocks: Blocks, *, biases: int) -> int:
    """biases: how many of query, key and value have one."""
    width, mlp = blocks.width, blocks.mlp
    attention = 3 * width * width + biases * width + width * (width + 1)
    return attention + mlp * (width + 1) + width * (mlp + 1) + 4 * width


def _patches(image: Any, patch: Any) -> int:
    return (int(image) // int(patch)) ** 2
