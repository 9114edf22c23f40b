"""VideoMAE's training checkpoint, as tensors of transformers' VideoMAEModel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch

from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.recognise import check_looks_like
from emollama_hf.encoders.videomae.source import UNUSED
from emollama_hf.tensors.tensor_names import Shape, check_names, split_unused

_PATCHES = {"encoder.patch_embed.proj": "embeddings.patch_embeddings.projection"}
#: Layers of a block that keep their weight and bias, by their name here and there.
_BLOCK = {
    "norm1": "layernorm_before",
    "attn.proj": "attention.output.dense",
    "norm2": "layernorm_after",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
}


def videomae_tensors(
    state: Mapping[str, torch.Tensor], config: Config, *, where: str = "VideoMAE checkpoint"
) -> Iterator[tuple[str, torch.Tensor]]:
    """(name, tensor) of videomae/model.safetensors, in the checkpoint's dtypes.

    state: the checkpoint's `model`; the encoder is what begins with `encoder.`.
    Query, key and value come in one matrix and are told apart; keys have no bias.
    Raises ModelError with all missing, unexpected and misshapen tensors.
    """
    used, _ = split_unused(state, UNUSED)
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    hint = check_looks_like("videomae", shapes)
    check_names(_expected(config), {name: shapes[name] for name in used}, where=where, hint=hint)
    for old, new in _PATCHES.items():
        for kind in ("weight", "bias"):
            yield f"{new}.{kind}", state[f"{old}.{kind}"]
    for index in range(config["num_hidden_layers"]):
        old_block, new_block = f"encoder.blocks.{index}", f"encoder.layer.{index}"
        for old, new in _BLOCK.items():
            for kind in ("weight", "bias"):
                yield f"{new_block}.{new}.{kind}", state[f"{old_block}.{old}.{kind}"]
        attention = f"{new_block}.attention.attention"
        thirds = state[f"{old_block}.attn.qkv.weight"].chunk(3)
        for name, weight in zip(("query", "key", "value"), thirds, strict=True):
            yield f"{attention}.{name}.weight", weight.clone()
        yield f"{attention}.query.bias", state[f"{old_block}.attn.q_bias"]
        yield f"{attention}.value.bias", state[f"{old_block}.attn.v_bias"]


def _expected(config: Config) -> dict[str, Shape]:
    """Names and shapes of the encoder in the checkpoint's own terms."""
    width, hidden, patch = config["hidden_size"], config["intermediate_size"], config["patch_size"]
    shapes: dict[str, Shape] = {
        "encoder.patch_embed.proj.weight": (width, 3, config["tubelet_size"], patch, patch),
        "encoder.patch_embed.proj.bias": (width,),
    }
    for index in range(config["num_hidden_layers"]):
        shapes |= block_shapes(f"encoder.blocks.{index}", width, hidden)
    return shapes


def block_shapes(block: str, width: int, hidden: int) -> dict[str, Shape]:
    """Names and shapes of one transformer block whose attention has biases on query and value only."""
    return {
        f"{block}.norm1.weight": (width,),
        f"{block}.norm1.bias": (width,),
        f"{block}.attn.q_bias": (width,),
        f"{block}.attn.v_bias": (width,),
        f"{block}.attn.qkv.weight": (3 * width, width),
        f"{block}.attn.proj.weight": (width, width),
        f"{block}.attn.proj.bias": (width,),
        f"{block}.norm2.weight": (width,),
        f"{block}.norm2.bias": (width,),
        f"{block}.mlp.fc1.weight": (hidden, width),
        f"{block}.mlp.fc1.bias": (hidden,),
        f"{block}.mlp.fc2.weight": (width, hidden),
        f"{block}.mlp.fc2.bias": (width,),
    }
