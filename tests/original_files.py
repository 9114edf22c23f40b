"""The original's five checkpoints with random numbers: real formats and names, any sizes, nobody's weights."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from math import prod
from pathlib import Path
from typing import Any
from zlib import crc32

import torch
from safetensors.torch import save_file

from emollama_hf.encoders.emotion_llama.tokenizer import TOKENIZER_FILES

Shapes = dict[str, tuple[int, ...]]
#: A prime, so that the rows of a matrix longer than the block are not the same ones again.
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
    Holds one file's tensors at a time; the largest is a shard of the decoder. The same bytes of numbers every time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = {
        "facemae": folder / "mae_checkpoint.pth",
        "videomae": folder / "maeVideo.pth",
        "eva": folder / "eva_vit_g.pth",
        "emotion_llama": folder / "Emotion_LLaMA.pth",
        "llama": folder / "llama",
    }
    options = argparse.Namespace(lr=None, opt_betas=[0.9, 0.95], mask_ratio=0.75, output_dir="/path/to/output")
    for kind, shapes in (
        ("facemae", mae_shapes(architecture["mae"])),
        ("videomae", video_shapes(architecture["video"])),
    ):
        # Of the optimizer's state only the first two tensors', as golden has it.
        state = {"optimizer": optimizer(islice(shapes.values(), 2)), "epoch": 199, "scaler": SCALER, "args": options}
        torch.save({"model": tensors(shapes), **state}, paths[kind])
    torch.save(tensors(eva_shapes(architecture["eva"]), torch.float16), paths["eva"])
    trained = trained_shapes(architecture)
    state = {
        "optimizer": optimizer(shape for name, shape in trained.items() if not name.endswith("inv_freq")),
        "config": training_config(architecture["lora"]),
        "scaler": SCALER,
        "epoch": 29,
    }
    torch.save({"model": tensors(trained), **state}, paths["emotion_llama"])
    write_llama(paths["llama"], architecture["llama"], tokenizer, llama_format, shards)
    return paths


def write_llama(folder: Path, sizes: Mapping[str, Any], tokenizer: Path, kind: str, shards: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    config = {**json.loads((tokenizer / "config.json").read_text()), **sizes}
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    for name in TOKENIZER_FILES:
        if (tokenizer / name).is_file():
            shutil.copyfile(tokenizer / name, folder / name)
    stem, extension = {"safetensors": ("model", "safetensors"), "bin": ("pytorch_model", "bin")}[kind]
    shapes = llama_shapes(sizes)
    names = list(shapes)
    places = {}
    total = 0
    for number in range(shards):
        counted = f"-{number + 1:05d}-of-{shards:05d}" if shards > 1 else ""
        file = f"{stem}{counted}.{extension}"
        chosen = names[number * len(names) // shards : (number + 1) * len(names) // shards]
        shard = tensors({name: shapes[name] for name in chosen}, torch.float16)
        if kind == "safetensors":
            save_file(shard, folder / file, {"format": "pt"})
        else:
            torch.save(shard, folder / file)
        places.update(dict.fromkeys(chosen, file))
        total += sum(tensor.nbytes for tensor in shard.values())
        del shard  # or it would be held while the next one is made
    if shards > 1:
        index = {"metadata": {"total_size": total}, "weight_map": places}
        (folder / f"{stem}.{extension}.index.json").write_text(json.dumps(index, indent=2))


# Values


def tensors(shapes: Shapes, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    """Random values of a spread that a network bears, deterministic, as fast as memory can be copied."""
    return {name: _values(name, shape, dtype) for name, shape in shapes.items()}


def _values(name: str, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """One block of random numbers, from a place that the name tells, over and over.

    In storage of their own: torch.save writes the whole storage of a slice.
    """
    spread = 0.1 if len(shape) == 1 else shape[-1] ** -0.5 * 0.3
    middle = 1.0 if len(shape) == 1 and name.endswith("weight") else 0.0
    flat = torch.empty(prod(shape), dtype=dtype)
    filled, start = 0, crc32(name.encode()) % BLOCK
    while filled < len(flat):
        piece = _block()[start : start + len(flat) - filled]
        flat[filled : filled + len(piece)] = piece * spread + middle
        filled, start = filled + len(piece), 0
    return flat.view(shape)


@lru_cache(maxsize=1)
def _block() -> torch.Tensor:
    return torch.randn(BLOCK, generator=torch.Generator().manual_seed(20240613))


# What is in a training checkpoint beside the model

SCALER = {"scale": 65536.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2000, "_growth_tracker": 17}


def optimizer(shapes: Iterable[tuple[int, ...]]) -> dict[str, Any]:
    """AdamW's state: two tensors for each trained one."""
    state = {
        number: {
            "step": torch.tensor(1000.0),
            "exp_avg": _values(f"exp_avg.{number}", shape, torch.float32),
            "exp_avg_sq": _values(f"exp_avg_sq.{number}", shape, torch.float32).square_(),
        }
        for number, shape in enumerate(shapes)
    }
    group = {"weight_decay": 0.05, "lr": 0.0, "betas": (0.9, 0.95), "eps": 1e-8, "foreach": None, "params": [*state]}
    return {"state": state, "param_groups": [group]}


def training_config(lora: Mapping[str, Any]) -> dict[str, Any]:
    model = {"arch": "minigpt_v2", "image_size": 448, "lora_r": lora["r"], "lora_alpha": lora["alpha"]}
    return {"run": {"amp": True, "output_dir": "/path/to/output", "train_splits": ["train"]}, "model": model}


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
    return shapes | {"norm.weight": (width,), "norm.bias": (width,), "head.weight": (32, width), "head.bias": (32,)}


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
    shapes = classifier_shapes(feature, width)
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


def classifier_shapes(feature: int, width: int) -> Shapes:
    """An auxiliary classifier over three encoders' features and four of the decoder's states."""
    layers = {"attention_mlp.0": (16, 7 * 8), "attention_mlp.3": (8, 16), "fc_att": (7, 8), "fc_out": (6, 8)}
    for number, size in enumerate((feature, feature, feature, width, width, width, width)):
        layers |= {f"feats_prep.{number}.0": (16, size), f"feats_prep.{number}.3": (8, 16)}
    shapes: Shapes = {}
    for name, shape in layers.items():
        shapes |= {f"attention.{name}.weight": shape, f"attention.{name}.bias": shape[:1]}
    return shapes
