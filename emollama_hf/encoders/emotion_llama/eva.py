"""EVA's published weights, as tensors of BLIP-2's vision tower at another image size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isqrt

import torch
from torch.nn import functional

from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.emotion_llama.sources import unused_of_eva
from emollama_hf.encoders.recognise import check_looks_like
from emollama_hf.encoders.videomae.conversion import block_shapes
from emollama_hf.tensors.tensor_names import Shape, check_names, split_unused

PREFIX = "vision_model."
_BLOCK = {
    "norm1": "layer_norm1",
    "attn.proj": "self_attn.projection",
    "norm2": "layer_norm2",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}


def eva_tensors(
    state: Mapping[str, torch.Tensor], config: Config, *, where: str = "EVA checkpoint"
) -> Iterator[tuple[str, torch.Tensor]]:
    """(name, tensor) of the image encoder in emotion_llama/, in the checkpoint's dtypes.

    state: the bare state dict.  config: `vision_config`.
    Query and value have biases, keys none: the joined bias has zeros for the keys. The position table is brought
    to the configured image size and is float32 then. ln_vision is in no checkpoint: weight 1, bias 0.
    Raises ModelError with all missing, unexpected and misshapen tensors.
    """
    used, _ = split_unused(state, unused_of_eva(config))
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    found = {name: shapes[name] for name in used}
    check_names(_expected(config, found), found, where=where, hint=check_looks_like("eva", shapes))
    yield f"{PREFIX}embeddings.class_embedding", state["cls_token"]
    side = config["image_size"] // config["patch_size"]
    yield f"{PREFIX}embeddings.position_embedding", interpolated_positions(state["pos_embed"], side)
    for kind in ("weight", "bias"):
        yield f"{PREFIX}embeddings.patch_embedding.{kind}", state[f"patch_embed.proj.{kind}"]
    for index in range(config["num_hidden_layers"]):
        old_block, new_block = f"blocks.{index}", f"{PREFIX}encoder.layers.{index}"
        for old, new in _BLOCK.items():
            for kind in ("weight", "bias"):
                yield f"{new_block}.{new}.{kind}", state[f"{old_block}.{old}.{kind}"]
        yield f"{new_block}.self_attn.qkv.weight", state[f"{old_block}.attn.qkv.weight"]
        query, value = (state[f"{old_block}.attn.{name}_bias"] for name in ("q", "v"))
        yield f"{new_block}.self_attn.qkv.bias", torch.cat([query, torch.zeros_like(value), value])
    like = state["cls_token"].new_ones(config["hidden_size"])
    yield f"{PREFIX}post_layernorm.weight", like
    yield f"{PREFIX}post_layernorm.bias", torch.zeros_like(like)


def interpolated_positions(table: torch.Tensor, side: int) -> torch.Tensor:
    """A position table for side x side patches: (1, 1 + n*n, D) to (1, 1 + side*side, D).

    Bicubic, corners not aligned, computed and returned in float32: rounding it to float16 would move the results
    by ten times the tolerance (tests/encoders/test_known_mistakes.py). The class entry is unchanged, and so is
    everything if the sizes agree.
    Source: MiniGPT-4, position embedding of EVA-g.
    """
    class_entry, patches = table[:, :1], table[:, 1:]
    old = round(patches.shape[1] ** 0.5)
    if old == side:
        return table
    grid = patches.float().reshape(1, old, old, -1).permute(0, 3, 1, 2)
    grid = functional.interpolate(grid, size=(side, side), mode="bicubic", align_corners=False)
    return torch.cat([class_entry.float(), grid.permute(0, 2, 3, 1).flatten(1, 2)], dim=1)


def _expected(config: Config, found: Mapping[str, Shape]) -> dict[str, Shape]:
    """Names and shapes in the checkpoint's own terms; its position table may be for any square grid."""
    width, patch = config["hidden_size"], config["patch_size"]
    positions = found.get("pos_embed", ())
    # Any grid is interpolated; what is no square grid is listed as misshapen, with the grid of the other size.
    places = positions[1] if len(positions) == 3 else 0
    if places < 2 or isqrt(places - 1) ** 2 != places - 1:
        places = (config["image_size"] // patch) ** 2 + 1
    shapes: dict[str, Shape] = {
        "cls_token": (1, 1, width),
        "pos_embed": (1, places, width),
        "patch_embed.proj.weight": (width, 3, patch, patch),
        "patch_embed.proj.bias": (width,),
    }
    for index in range(config["num_hidden_layers"]):
        shapes |= block_shapes(f"blocks.{index}", width, config["intermediate_size"])
    return shapes
