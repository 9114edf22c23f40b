"""Files of the same kind with other sizes: each comes from the architecture and the files, none from a constant."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import emollama_hf
from emollama_hf import EmoLlamaEmbed, FaceMAEEmbed, VideoMAEEmbed
from emollama_hf.checkpoints import open_model
from tests.encoders import golden
from tests.original_files import write_original_files

GOLDEN = golden.MANIFEST["hyperparameters"]

#: Changes of golden's sizes that a rule of thumb would not survive.
OTHERS: dict[str, dict[str, dict[str, Any]]] = {
    "grouped keys, heads of their own width": {
        "llama": {"num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 20, "hidden_size": 72},
        "lora": {"r": 3, "alpha": 6},
    },
    "two patches a token, no interpolation": {
        "eva": {"patches_per_token": 2, "checkpoint_image_size": 112, "depth": 2, "num_blocks_in_checkpoint": 2},
    },
    "narrower features, other patches and frames": {
        "mae": {"embed_dim": 48, "num_heads": 3, "image_size": 48, "patch_size": 12, "depth": 3, "mlp_ratio": 3},
        "video": {"embed_dim": 48, "num_heads": 3, "image_size": 32, "num_frames": 8, "depth": 1, "mlp_ratio": 2},
    },
    "another eps everywhere": {
        "mae": {"layer_norm_eps": 1e-3},
        "video": {"layer_norm_eps": 1e-3},
        "eva": {"layer_norm_eps": 1e-3, "ln_vision_eps": 1e-2},
        "llama": {"rms_norm_eps": 1e-3, "rope_theta": 500.0},
    },
    "LoRA on more layers": {"lora": {"target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "down_proj"]}},
}


def architecture(name: str) -> dict[str, Any]:
    sizes = copy.deepcopy(GOLDEN)
    for section, changes in OTHERS[name].items():
        sizes[section] |= changes
    return sizes


@pytest.mark.parametrize("name", OTHERS)
def test_every_stage_runs_on_them(name: str, tmp_path: Path) -> None:
    sizes = architecture(name)
    files = write_original_files(tmp_path / "files", sizes, tokenizer=golden.LLAMA, llama_format="bin", shards=2)
    model = emollama_hf.convert(out=tmp_path / "model", architecture=sizes, **files)
    frames = golden.frames("clip_b")
    columns = {
        "peak_frame": [golden.peak_frame("clip_b")],
        **FaceMAEEmbed(model)({"facemae_frames": [frames]}),
        **VideoMAEEmbed(model)({"videomae_frames": [frames[: sizes["video"]["num_frames"]]]}),
    }
    assert columns["facemae"].shape == columns["videomae"].shape == (1, sizes["mae"]["embed_dim"])
    states = EmoLlamaEmbed(model, store_dtype="float32")(columns)["emollama"][0]
    patches = (sizes["eva"]["image_size"] // sizes["eva"]["patch_size"]) ** 2
    text = len(golden.outputs("clip_a/llm_fork_emotion")["attention_mask"][0]) - 19
    assert states.shape == (
        patches // sizes["eva"].get("patches_per_token", 4) + 3 + text,
        sizes["llama"]["hidden_size"],
    )
    assert np.isfinite(states).all()
    assert states.std() > 0.01


def test_eps_and_rotation_come_from_the_sizes(tmp_path: Path) -> None:
    sizes = architecture("another eps everywhere")
    files = write_original_files(tmp_path / "files", sizes, tokenizer=golden.LLAMA)
    source = open_model(emollama_hf.convert(out=tmp_path / "model", architecture=sizes, **files))
    face, video, decoder = source.load("facemae"), source.load("videomae"), source.load("emotion_llama")
    assert face.vit.norm.eps == face.vit.blocks[0].norm1.eps == 1e-3
    assert video.encoder.encoder.layer[0].layernorm_before.eps == 1e-3
    assert decoder.vision_model.encoder.layers[0].layer_norm1.eps == 1e-3
    assert decoder.vision_model.post_layernorm.eps == 1e-2
    assert decoder.language_model.norm.variance_epsilon == 1e-3
    frequencies = decoder.language_model.rotary_emb.inv_freq
    assert torch.allclose(frequencies, 500.0 ** -(torch.arange(0, 24, 2) / 24))


def test_lora_on_more_layers_is_merged_into_all_of_them(tmp_path: Path) -> None:
    sizes = architecture("LoRA on more layers")
    files = write_original_files(tmp_path / "files", sizes, tokenizer=golden.LLAMA)
    model = emollama_hf.convert(out=tmp_path / "model", architecture=sizes, **files)
    merged = load_file(model / "emotion_llama" / "model.safetensors")
    llama = load_file(files["llama"] / "model.safetensors")
    changed = {
        name.rpartition("_proj")[0].rpartition(".")[2]
        for name, tensor in llama.items()
        if "_proj.weight" in name
        and not torch.equal(merged[name.replace("model.", "language_model.", 1)].half(), tensor)
    }
    assert changed == {"q", "k", "v", "o", "down"}


def test_what_is_loaded_is_what_the_files_hold(tmp_path: Path) -> None:
    """Without LoRA and interpolation the numbers are the files' own, under other names."""
    sizes = architecture("two patches a token, no interpolation")
    files = write_original_files(tmp_path / "files", sizes, tokenizer=golden.LLAMA)
    source = open_model(emollama_hf.convert(out=tmp_path / "model", architecture=sizes, **files))
    original = torch.load(files["eva"], weights_only=True)
    loaded = source.load("emotion_llama").state_dict()
    assert torch.equal(loaded["vision_model.embeddings.position_embedding"], original["pos_embed"].float())
    for index in range(2):
        joined = loaded[f"vision_model.encoder.layers.{index}.self_attn.qkv.bias"]
        query, value = (original[f"blocks.{index}.attn.{name}_bias"].float() for name in "qv")
        assert torch.equal(joined, torch.cat([query, torch.zeros(88), value]))
