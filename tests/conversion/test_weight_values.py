"""Weights are floats and finite: whatever else is in a checkpoint is listed before anything is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from emollama_hf import ModelError
from emollama_hf.checkpoints import open_model
from emollama_hf.conversion.pickle_file import read_checkpoint
from emollama_hf.tensors.weight_values import value_fault
from tests.encoders import golden
from tests.encoders.golden import SOURCES, convert_golden

ENCODER = {"eva": None, "emotion_llama": None, "llama": None, "videomae": None}
TYPES = [torch.float32, torch.float16, torch.bfloat16, torch.float64]


def changed(path: Path, kind: str, changes: dict[str, Any]) -> Path:
    """The recorded checkpoint of a source with other tensors."""
    checkpoint = dict(read_checkpoint(SOURCES[kind]))
    if "model" in checkpoint:
        torch.save({**checkpoint, "model": {**checkpoint["model"], **changes}}, path)
    else:
        torch.save({**checkpoint, **changes}, path)
    return path


def poisoned(tensor: torch.Tensor, *values: float) -> torch.Tensor:
    result = tensor.clone()
    result.view(-1)[: len(values)] = torch.tensor(values)
    return result


@given(
    st.lists(st.sampled_from([0.0, -1.5, 60000.0, float("nan"), float("inf"), float("-inf")]), max_size=9),
    st.sampled_from(TYPES),
)
def test_every_value_that_is_not_finite_is_counted(values: list[float], dtype: torch.dtype) -> None:
    found = value_fault(torch.tensor(values, dtype=dtype)) or ""
    nan, infinite = sum(value != value for value in values), sum(abs(value) == float("inf") for value in values)
    assert (f"{nan} NaN" in found) == (nan > 0)
    assert (f"{infinite} infinite" in found) == (infinite > 0)
    assert bool(found) == (nan + infinite > 0)


def test_tensors_and_counts_of_all_sources_are_listed_and_nothing_is_written(tmp_path: Path) -> None:
    states = golden.source_states()
    nan, infinite = float("nan"), float("inf")
    lora = "llama_model.base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight"
    files = {
        "facemae": {"blocks.0.norm1.weight": poisoned(states["facemae"]["blocks.0.norm1.weight"], nan, nan, infinite)},
        "eva": {"blocks.2.attn.v_bias": poisoned(states["eva"]["blocks.2.attn.v_bias"], -infinite)},
        "emotion_llama": {lora: poisoned(states["emotion_llama"][lora], nan)},
    }
    sources = {kind: changed(tmp_path / f"{kind}.pth", kind, changes) for kind, changes in files.items()}
    with pytest.raises(ModelError) as caught:
        convert_golden(tmp_path / "model", **sources)
    message = str(caught.value)
    assert message.startswith("3 sources cannot be used")
    assert "--facemae facemae.pth: tensors with values that cannot be computed with (1)" in message
    assert "blocks.0.norm1.weight (2 NaN, 1 infinite of 64)" in message
    assert "blocks.2.attn.v_bias (1 infinite of 88)" in message
    assert f"{lora} (1 NaN of 768)" in message
    assert {path.suffix for path in tmp_path.iterdir()} == {".pth"}


def test_what_is_not_used_may_be_anything(tmp_path: Path) -> None:
    decoder = {
        "mask_token": torch.full((1, 1, 64), float("nan")),
        "decoder_pred.bias": torch.zeros(0, dtype=torch.int8),
    }
    file = changed(tmp_path / "facemae.pth", "facemae", decoder)
    out = convert_golden(tmp_path / "model", **ENCODER, facemae=file)
    assert open_model(out).digest("facemae")


def test_values_that_the_result_cannot_hold(tmp_path: Path) -> None:
    big = poisoned(golden.source_states()["facemae"]["norm.weight"], 1e5, -1e5)
    file = changed(tmp_path / "facemae.pth", "facemae", {"norm.weight": big})
    with pytest.raises(ModelError, match=r"norm\.weight \(2 too large for float16 of 64\)\. Take float32 or bfloat16"):
        convert_golden(tmp_path / "half", **ENCODER, facemae=file, dtype="float16")
    source = open_model(convert_golden(tmp_path / "model", **ENCODER, facemae=file))
    assert source.load("facemae")
    with pytest.raises(ModelError, match=r"norm\.weight \(2 too large for float16"):
        source.load("facemae", dtype="float16")
    name = "llama_model.base_model.model.model.layers.0.self_attn.v_proj.lora_"
    factors = {
        f"{name}{factor}.weight": golden.source_states()["emotion_llama"][f"{name}{factor}.weight"] for factor in "AB"
    }
    file = changed(tmp_path / "lora.pth", "emotion_llama", {key: one.sign() * 6e4 for key, one in factors.items()})
    with pytest.raises(ModelError, match=r"emotion_llama/: tensors with values .*layers\.0\.self_attn\.v_proj\.weight"):
        convert_golden(tmp_path / "merged", emotion_llama=file, dtype="float16")
    assert not (tmp_path / "merged").exists()


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda old: old.to(torch.complex64), "norm.weight (complex64)"),
        (lambda old: old.to(torch.int8), "norm.weight (int8)"),
        (lambda old: old.to(torch.bool), "norm.weight (bool)"),
        (lambda old: old.to(torch.float8_e4m3fn), "norm.weight (float8_e4m3fn)"),
        (lambda old: old.to("meta"), "norm.weight (has no values: saved from the meta device)"),
        (lambda old: old.to_sparse(), "norm.weight (sparse_coo)"),
        (lambda old: old[:0], "1 of another shape: norm.weight (0,) (expected (64,))"),
    ],
)
def test_what_is_no_weight(made: Any, said: str, tmp_path: Path) -> None:
    old = golden.source_states()["facemae"]["norm.weight"]
    file = changed(tmp_path / "facemae.pth", "facemae", {"norm.weight": made(old)})
    with pytest.raises(ModelError) as caught:
        convert_golden(tmp_path / "model", **ENCODER, facemae=file)
    assert said in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["facemae.pth"]


def test_double_precision_and_shared_memory_are_weights(tmp_path: Path) -> None:
    state = golden.source_states()["facemae"]
    both = torch.stack([state["norm.weight"], state["norm.bias"]]).double()
    same = state["blocks.0.norm1.bias"]
    views = {"norm.weight": both[0], "norm.bias": both[1], "blocks.1.norm1.bias": same, "blocks.0.norm1.bias": same}
    views["blocks.0.norm2.bias"] = torch.nn.Parameter(same[:1]).expand(64)
    out = convert_golden(tmp_path / "model", **ENCODER, facemae=changed(tmp_path / "facemae.pth", "facemae", views))
    weights = load_file(out / "facemae" / "model.safetensors")
    assert weights["norm.weight"].dtype == torch.float64
    assert all(torch.equal(weights[name], tensor) for name, tensor in views.items())
    loaded = open_model(out).load("facemae").vit.state_dict()
    assert all(torch.equal(loaded[name], tensor.float()) for name, tensor in views.items())


def test_a_converted_directory_is_looked_at_when_it_is_loaded(tmp_path: Path) -> None:
    out = convert_golden(tmp_path / "model", **ENCODER)
    file = out / "facemae" / "model.safetensors"
    weights = load_file(file)
    whole = {name: tensor.clone() for name, tensor in weights.items()}
    save_file({**whole, "cls_token": poisoned(whole["cls_token"], float("inf"))}, file)
    with pytest.raises(ModelError, match=r"facemae: tensors with values .*cls_token \(1 infinite of 64\)"):
        open_model(out).load("facemae")
    save_file({**whole, "norm.bias": whole["norm.bias"].to(torch.int32)}, file)
    with pytest.raises(ModelError, match=r"facemae: tensors that are no weights \(1\): norm\.bias \(int32\)"):
        open_model(out).load("facemae")
