"""The original's five checkpoints with random numbers: real formats and names, any sizes, nobody's weights."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

Shapes = dict[str, tuple[int, ...]]
#: A prime, so that no two tensors begin at the same place of the block.
BLOCK = 4_194_301


def write_original_files(
    folder: Path,
    architecture: Mapping[str, Mapping[str, Any]],
    *,
    tokenizer: Path,
    llama_format: str = "safetensors",
    shards: int = 1,
) -> dict[str, Path]:
    """Write all five and return their places, by the names of `convert`'s arguments.

    architecture: sections mae, video, eva, llama, lora as golden/MANIFEST.json has them.
    tokenizer: a Llama directory to copy the tokenizer from.  llama_format: "safetensors" or "bin".
    Holds one file's tensors at a time; the largest is a shard of the decoder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = {
        "facemae": folder / "mae_checkpoint.pth",
        "videomae": folder / "maeVideo.pth",
        "eva": folder / "eva_vit_g.pth",
        "emotion_llama": folder / "Emotion_LLaMA.pth",
        "llama": folder / "llama",
    }
    options = argparse.Namespace(lr=1e-4, mask_ratio=0.75, output_dir="/path/to/output")
    training = {"optimizer": {"state": {}, "param_groups": []}, "epoch": 7, "scaler": {"scale": 65536.0}}
    mae, video = tensors(mae_shapes(architecture["mae"])), tensors(video_shapes(architecture["video"]))
    torch.save({"model": mae, "args": options, **training}, paths["facemae"])
    torch.save({"model": video, "args": options, **training}, paths["videomae"])
    torch.save(tensors(eva_shapes(architecture["eva"]), torch.float16), paths["eva"])
    config = {"model": {"arch": "minigpt_v2", "lora_alpha": architecture["lora"]["alpha"]}, "run": {"amp": True}}
    trained = tensors(trained_shapes(architecture))
    torch.save({"model": trained, "config": config, **training}, paths["emotion_llama"])
    write_llama(paths["llama"], architecture["llama"], tokenizer, llama_format, shards)
    return paths


def write_llama(folder: Path, sizes: Mapping[str, Any], tokenizer: Path, kind: str, shards: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "torch_dtype": "float16", **sizes}
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.model", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copyfile(tokenizer / name, folder / name)
    shapes = llama_shapes(sizes)
    stem, extension = ("model", "safetensors") if kind == "safetensors" else ("pytorch_model", "bin")
    places = {}
    names = list(shapes)
    per_shard = -(-len(names) // shards)
    for number in range(shards):
        counted = f"-{number + 1:05d}-of-{shards:05d}" if shards > 1 else ""
        file = f"{stem}{counted}.{extension}"
        chosen = names[number * per_shard : (number + 1) * per_shard]
        shard = tensors({name: shapes[name] for name in chosen}, torch.float16)
        if kind == "safetensors":
            save_file(shard, folder / file, {"format": "pt"})
        else:
            torch.save(shard, folder / file)
        places.update(dict.fromkeys(chosen, file))
    if shards > 1:
        index = {"metadata": {"total_size": 0}, "weight_map": places}
        (folder / f"{stem}.{extension}.index.json").write_text(json.dumps(index))


def tensors(shapes: Shapes, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    """Random values of a spread that a network bears, deterministic, as fast as memory can be copied."""
    return {name: _values(name, shape, dtype) for name, shape in shapes.items()}


def _values(name: str, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    count = int(torch.Size(shape).numel())
    norm = len(shape) == 1 and name.endswith("weight")
    spread = 0.1 if len(shape) == 1 else (shape[-1] ** -0.5) * 0.3
    start = sum(name.encode()) * 7919 % BLOCK
    block = torch.cat([_block()[start:], _block()[:start]])
    flat = (block * spread + (1.0 if norm else 0.0)).to(dtype)
    repeats = -(-count // BLOCK)
    # A tensor of its own size: torch.save writes the whole of what a view looks at.
    return flat.repeat(repeats)[:count].clone().reshape(shape)


@lru_cache(maxsize=1)
def _block() -> torch.Tensor:
    return torch.randn(BLOCK, generator=torch.Generator().manual_seed(20240613))


# Names and shapes


def _block_shapes(name: str, width: int, hidden: int, *, joined_bias: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    for norm in ("norm1", "norm2"):
        yield f"{name}.{norm}.weight", (width,)
        yield f"{name}.{norm}.bias", (width,)
    yield f"{name}.attn.qkv.weight", (3 * width, width)
    if joined_bias:
        yield f"{name}.attn.qkv.bias", (3 * width,)
    else:
        yield f"{name}.attn.q_bias", (width,)
        yield f"{name}.attn.v_bias", (width,)
    for layer, (rows, columns) in {
        "attn.proj": (width, width),
        "mlp.fc1": (hidden, width),
        "mlp.fc2": (width, hidden),
    }.items():
        yield f"{name}.{layer}.weight", (rows, columns)
        yield f"{name}.{layer}.bias", (rows,)


def mae_shapes(sizes: Mapping[str, Any]) -> Shapes:
    width, patch = sizes["embed_dim"], sizes["patch_size"]
    places = (sizes["image_size"] // patch) ** 2 + 1
    inner, depth = sizes.get("decoder_embed_dim", 512), sizes.get("decoder_depth", 8)
    shapes: Shapes = {
        "cls_token": (1, 1, width),
        "pos_embed": (1, places, width),
        "mask_token": (1, 1, inner),
        "decoder_pos_embed": (1, places, inner),
        "patch_embed.proj.weight": (width, 3, patch, patch),
        "patch_embed.proj.bias": (width,),
    }
    ratio = sizes.get("mlp_ratio", 4)
    for index in range(sizes["depth"]):
        shapes |= dict(_block_shapes(f"blocks.{index}", width, int(width * ratio), joined_bias=True))
    for index in range(depth):
        shapes |= dict(_block_shapes(f"decoder_blocks.{index}", inner, int(inner * ratio), joined_bias=True))
    for name, shape in {"decoder_embed": (inner, width), "decoder_pred": (3 * patch * patch, inner)}.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    for name, size in {"norm": width, "decoder_norm": inner}.items():
        shapes |= {f"{name}.weight": (size,), f"{name}.bias": (size,)}
    return shapes


def video_shapes(sizes: Mapping[str, Any]) -> Shapes:
    width, patch, tube = sizes["embed_dim"], sizes["patch_size"], sizes["tubelet_size"]
    inner, depth = sizes.get("decoder_embed_dim", 512), sizes.get("decoder_depth", 4)
    shapes: Shapes = {
        "mask_token": (1, 1, inner),
        "encoder.patch_embed.proj.weight": (width, 3, tube, patch, patch),
        "encoder.patch_embed.proj.bias": (width,),
        "encoder_to_decoder.weight": (inner, width),
        "decoder.head.weight": (3 * tube * patch * patch, inner),
        "decoder.head.bias": (3 * tube * patch * patch,),
    }
    ratio = sizes.get("mlp_ratio", 4)
    for index in range(sizes["depth"]):
        shapes |= dict(_block_shapes(f"encoder.blocks.{index}", width, int(width * ratio), joined_bias=False))
    for index in range(depth):
        shapes |= dict(_block_shapes(f"decoder.blocks.{index}", inner, int(inner * ratio), joined_bias=False))
    for name, size in {"encoder.norm": width, "decoder.norm": inner}.items():
        shapes |= {f"{name}.weight": (size,), f"{name}.bias": (size,)}
    return shapes


def eva_shapes(sizes: Mapping[str, Any]) -> Shapes:
    width, patch = sizes["embed_dim"], sizes["patch_size"]
    places = (sizes.get("checkpoint_image_size", sizes["image_size"]) // patch) ** 2 + 1
    shapes: Shapes = {
        "cls_token": (1, 1, width),
        "pos_embed": (1, places, width),
        "patch_embed.proj.weight": (width, 3, patch, patch),
        "patch_embed.proj.bias": (width,),
    }
    for index in range(sizes.get("num_blocks_in_checkpoint", sizes["depth"] + 1)):
        shapes |= dict(_block_shapes(f"blocks.{index}", width, sizes["mlp_hidden"], joined_bias=False))
    return shapes | {"norm.weight": (width,), "norm.bias": (width,), "head.weight": (9, width), "head.bias": (9,)}


def llama_shapes(sizes: Mapping[str, Any]) -> Shapes:
    width, hidden, words = sizes["hidden_size"], sizes["intermediate_size"], sizes["vocab_size"]
    head = sizes.get("head_dim") or width // sizes["num_attention_heads"]
    queries, keys = head * sizes["num_attention_heads"], head * sizes["num_key_value_heads"]
    shapes: Shapes = {"model.embed_tokens.weight": (words, width)}
    for index in range(sizes["num_hidden_layers"]):
        layer = f"model.layers.{index}"
        shapes |= {
            f"{layer}.self_attn.q_proj.weight": (queries, width),
            f"{layer}.self_attn.k_proj.weight": (keys, width),
            f"{layer}.self_attn.v_proj.weight": (keys, width),
            f"{layer}.self_attn.o_proj.weight": (width, queries),
            f"{layer}.mlp.gate_proj.weight": (hidden, width),
            f"{layer}.mlp.up_proj.weight": (hidden, width),
            f"{layer}.mlp.down_proj.weight": (width, hidden),
            f"{layer}.input_layernorm.weight": (width,),
            f"{layer}.post_attention_layernorm.weight": (width,),
            f"{layer}.self_attn.rotary_emb.inv_freq": (head // 2,),
        }
    return shapes | {"model.norm.weight": (width,), "lm_head.weight": (words, width)}


def trained_shapes(architecture: Mapping[str, Mapping[str, Any]]) -> Shapes:
    """Of Emotion-LLaMA's own checkpoint: projections, LoRA factors, and what has no part in the features."""
    text, eva, lora = architecture["llama"], architecture["eva"], architecture["lora"]
    feature, width = architecture["mae"]["embed_dim"], text["hidden_size"]
    inputs = {
        "llama_proj": eva["embed_dim"] * eva.get("patches_per_token", 4),
        "cls_tk_llama_proj": eva["embed_dim"],
        **{f"feats_llama_proj{number}": feature for number in (1, 2, 3)},
    }
    shapes: Shapes = {"attention.fc_out.weight": (6, 8), "attention.fc_out.bias": (6,)}
    for name, size in inputs.items():
        shapes |= {f"{name}.weight": (width, size), f"{name}.bias": (width,)}
    decoder = llama_shapes(text)
    for name, shape in decoder.items():
        layer, _, kind = name.removesuffix(".weight").rpartition(".")
        prefix = f"llama_model.base_model.model.{layer}.{kind}"
        if kind in lora.get("target_modules", ("q_proj", "v_proj")):
            shapes |= {
                f"{prefix}.lora_A.weight": (lora["r"], shape[1]),
                f"{prefix}.lora_B.weight": (shape[0], lora["r"]),
            }
        elif kind == "inv_freq":
            shapes[f"llama_model.base_model.model.{name}"] = shape
    return shapes
