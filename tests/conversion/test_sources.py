"""The original's checkpoints: strict in their own names, tolerant of what they may or may not carry."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from emollama_hf.conversion.pickle_file import read_checkpoint
from emollama_hf.encoders.emotion_llama.eva import eva_tensors, interpolated_positions
from emollama_hf.encoders.emotion_llama.llama import llama_tensors
from emollama_hf.encoders.emotion_llama.lora import lora_factors, recorded_alpha
from emollama_hf.encoders.emotion_llama.projections import projection_tensors
from emollama_hf.encoders.facemae.conversion import facemae_tensors
from emollama_hf.encoders.videomae.conversion import videomae_tensors
from emollama_hf.errors import ModelError
from tests.encoders import golden

CONFIGS = golden.configs()
DECODER = CONFIGS["emotion_llama"]
STATES = golden.source_states()
# Names that each source must have; one is taken away, one added, one reshaped.
NEEDED = {
    "facemae": "blocks.1.mlp.fc1.weight",
    "videomae": "encoder.blocks.0.attn.q_bias",
    "eva": "blocks.2.attn.v_bias",
    "emotion_llama": "feats_llama_proj3.bias",
    "llama": "model.layers.1.self_attn.k_proj.weight",
}
# Names that a source may have and nobody uses.
EXTRAS = {
    "facemae": ("mask_token", "decoder_"),
    "videomae": ("mask_token", "decoder.", "encoder_to_decoder.", "encoder.norm."),
    "eva": ("norm.", "head.", "blocks.3."),
    "emotion_llama": ("attention.", "rotary_emb"),
    "llama": ("rotary_emb",),
}


def convert(source: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    if source == "emotion_llama":
        projections = dict(projection_tensors(state, DECODER))
        return projections | {
            name: lora.merged_into(torch.zeros(96, 96)) for name, lora in lora_factors(state, 2).items()
        }
    functions: dict[str, Any] = {
        "facemae": lambda: facemae_tensors(state, CONFIGS["facemae"]),
        "videomae": lambda: videomae_tensors(state, CONFIGS["videomae"]),
        "eva": lambda: eva_tensors(state, DECODER["vision_config"]),
        "llama": lambda: llama_tensors(state, DECODER["text_config"], {}),
    }
    return dict(functions[source]())


@pytest.mark.parametrize("source", NEEDED)
def test_missing_unexpected_and_misshapen_are_listed_together(source: str) -> None:
    state = dict(STATES[source])
    needed = NEEDED[source]
    other = next(name for name in state if name.endswith(("proj.bias", "norm.weight")))
    del state[needed]
    state["stranger.weight"] = torch.zeros(2)
    state[other] = torch.zeros(7)
    with pytest.raises(ModelError) as caught:
        convert(source, state)
    message = str(caught.value)
    assert f"1 missing: {needed} " in message
    assert "1 unexpected: stranger.weight (2,)" in message
    assert f"1 of another shape: {other} (7,)" in message


@pytest.mark.parametrize("source", EXTRAS)
def test_extras_may_be_there_or_not(source: str) -> None:
    state = STATES[source]
    lean = {
        name: tensor
        for name, tensor in state.items()
        if not any(name.startswith(extra) or (extra == "rotary_emb" and extra in name) for extra in EXTRAS[source])
    }
    full = {**state, "model.layers.0.self_attn.rotary_emb.inv_freq": torch.zeros(12)} if source == "llama" else state
    assert len(lean) < len(full)
    before, after = convert(source, full), convert(source, lean)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_swapped_files_are_caught() -> None:
    for wanted in NEEDED:
        for given in NEEDED:
            if wanted != given:
                with pytest.raises(ModelError, match="missing"):
                    convert(wanted, STATES[given])


def test_dtypes_of_the_source_stay_except_for_what_is_computed() -> None:
    eva = convert("eva", STATES["eva"])
    table = "vision_model.embeddings.position_embedding"
    assert {str(tensor.dtype) for name, tensor in eva.items() if name != table} == {"torch.float16"}
    assert eva[table].dtype == torch.float32
    lora = lora_factors(STATES["emotion_llama"], 2)
    llama = dict(llama_tensors(STATES["llama"], DECODER["text_config"], lora))
    merged = {name for name, tensor in llama.items() if tensor.dtype == torch.float32}
    assert len(merged) == 6
    assert all(name.endswith(("q_proj.weight", "v_proj.weight")) for name in merged)
    assert "lm_head.weight" in llama


def test_keys_have_no_bias_in_eva() -> None:
    bias = convert("eva", STATES["eva"])["vision_model.encoder.layers.1.self_attn.qkv.bias"]
    query, key, value = bias.chunk(3)
    assert torch.equal(query, STATES["eva"]["blocks.1.attn.q_bias"])
    assert not key.any()
    assert torch.equal(value, STATES["eva"]["blocks.1.attn.v_bias"])


def test_position_table_of_the_right_size_is_untouched() -> None:
    table = STATES["eva"]["pos_embed"]
    assert interpolated_positions(table, 4) is table
    resized = interpolated_positions(table, 8)
    assert resized.shape == (1, 65, 88)
    assert torch.equal(resized[:, 0], table[:, 0].float())


def test_position_table_of_no_square_is_refused() -> None:
    state = {**STATES["eva"], "pos_embed": torch.zeros(1, 16, 88)}
    with pytest.raises(ModelError, match=r"1 of another shape: pos_embed \(1, 16, 88\) \(expected \(1, 65, 88\)\)"):
        convert("eva", state)


def test_alpha_comes_from_the_training_configuration() -> None:
    checkpoint = dict(read_checkpoint(golden.CHECKPOINTS / "emotion_llama.pth"))
    assert recorded_alpha(checkpoint) == 2
    factors = lora_factors(STATES["emotion_llama"], 2)
    assert {lora.scale for lora in factors.values()} == {0.25}
    without = copy.deepcopy(checkpoint["config"])
    del without["model"]["lora_alpha"]
    for broken in ({**checkpoint, "config": without}, {"model": {}}):
        with pytest.raises(ModelError, match="--lora-alpha"):
            recorded_alpha(broken)
