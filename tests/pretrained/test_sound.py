"""Directories of encoders of speech as transformers saves them: the same numbers, strictly loaded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoFeatureExtractor,
    AutoModel,
    Wav2Vec2ForCTC,
    WhisperForAudioClassification,
    WhisperForConditionalGeneration,
)

from emollama_hf.errors import ModelError
from emollama_hf.pretrained import open_pretrained
from tests.encoders.hubert.models import sound
from tests.encoders.sound_encoder.models import MODELS, original, saved
from tests.encoders.sound_encoder.networks import apart, own_states

PART = "sound_encoder"


def load(path: Path, **options: Any) -> Any:
    return open_pretrained(path).load(PART, **options)


@pytest.mark.parametrize("name", MODELS)
def test_a_directory_gives_what_transformers_makes_of_it(name: str, tmp_path: Path) -> None:
    path = saved(*original(name), tmp_path / "model")
    source = open_pretrained(path)
    assert (source.part, source.width(PART)) == (PART, 32)
    network, wave = source.load(PART), sound(17_000)
    model: Any = AutoModel.from_pretrained(path).eval()
    encoder = model.encoder if name == "whisper" else model
    expected = own_states(encoder, AutoFeatureExtractor.from_pretrained(path), wave)
    if name == "whisper":
        expected = [state[:54] for state in expected]
    for layer, state in enumerate(expected):
        assert apart(network.sequences([wave], layers=(layer,))[0], state) < 1e-5
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert network.depth == len(network.blocks()) == 2
    assert network.width == 32


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("wav2vec2", Wav2Vec2ForCTC),
        ("whisper", WhisperForConditionalGeneration),
        ("whisper", WhisperForAudioClassification),
    ],
)
def test_heads_and_decoders_are_left_out(name: str, head: Any, tmp_path: Path) -> None:
    config = MODELS[name][1]
    model = head(config).eval()
    path = saved(model, MODELS[name][2], tmp_path / "model")
    inner = getattr(model, "wav2vec2", None) or getattr(model, "encoder", None) or model.model.encoder
    expected = own_states(inner, MODELS[name][2], sound(3_200))[-1]
    assert apart(load(path).sequences([sound(3_200)])[0], expected[:10]) < 1e-5


def test_weights_under_the_names_of_earlier_versions_of_torch(tmp_path: Path) -> None:
    path = saved(*original("wav2vec2"), tmp_path / "model")
    expected = load(path).embed([sound(8_000)])
    new = "parametrizations.weight.original"
    state = load_file(path / "model.safetensors")
    assert any(new in name for name in state)
    old = {name.replace(f"{new}0", "weight_g").replace(f"{new}1", "weight_v"): one for name, one in state.items()}
    (path / "model.safetensors").unlink()
    torch.save({**old, "masked_spec_embed": torch.rand(32)}, path / "pytorch_model.bin")
    assert torch.equal(load(path).embed([sound(8_000)]), expected)


@pytest.mark.parametrize(("name", "tensor"), [("wavlm", "encoder.layers.0."), ("whisper", "encoder.layers.0.")])
def test_what_is_missing_unexpected_or_of_another_shape_is_listed(name: str, tensor: str, tmp_path: Path) -> None:
    path = saved(*original(name), tmp_path / "model")
    state = load_file(path / "model.safetensors")
    missing, misshapen = [one for one in state if one.startswith(tensor) and one.endswith("weight")][:2]
    del state[missing]
    state[misshapen] = torch.zeros(3)
    state["encoder.surprise"] = torch.zeros(2)
    save_file(state, path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError) as caught:
        load(path)
    for found in ("1 missing", "1 unexpected", "surprise", "1 of another shape", "(3,)"):
        assert found in str(caught.value)


def test_the_digest_is_of_weights_settings_and_preprocessing_and_of_no_path(tmp_path: Path) -> None:
    path = saved(*original("wav2vec2"), tmp_path / "model")
    shutil.copytree(path, tmp_path / "elsewhere")
    digest = open_pretrained(path).digest(PART)
    assert open_pretrained(tmp_path / "elsewhere").digest(PART) == digest
    changes = []
    for file, key, value in (
        ("config.json", "layer_norm_eps", 1e-3),
        ("preprocessor_config.json", "do_normalize", False),
    ):
        other = tmp_path / file
        shutil.copytree(path, other)
        settings = json.loads((other / file).read_text())
        (other / file).write_text(json.dumps({**settings, key: value}))
        changes.append(open_pretrained(other).digest(PART))
    changes.append(open_pretrained(saved(*original("wav2vec2", seed=1), tmp_path / "other")).digest(PART))
    assert len({digest, *changes}) == 4


def test_a_model_without_a_feature_extractor_is_refused(tmp_path: Path) -> None:
    path = saved(*original("wav2vec2"), tmp_path / "model")
    (path / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError, match=r"has none of preprocessor_config\.json"):
        open_pretrained(path).config(PART)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_types(dtype: Any, tmp_path: Path) -> None:
    path = saved(*original("whisper"), tmp_path / "model")
    found = load(path, dtype=dtype)
    assert {str(parameter.dtype) for parameter in found.parameters()} == {f"torch.{dtype}"}
    assert apart(found.embed([sound(8_000)]), load(path).embed([sound(8_000)])) < 0.1


def test_a_huge_configuration_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    path = saved(*original("whisper"), tmp_path / "model")
    settings = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**settings, "d_model": 65_536, "encoder_layers": 512}))
    with pytest.raises(ModelError, match="numbers"):
        load(path)
