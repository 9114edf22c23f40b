"""Directories as transformers wrote them over the years become one part, whose network gives the original's numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    HubertForCTC,
    HubertForSequenceClassification,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForPreTraining,
    WavLMForXVector,
)

from emollama_hf.conversion.pickle_file import model_state, read_checkpoint
from emollama_hf.encoders.hubert.config_json import TINY
from emollama_hf.encoders.hubert.conversion import hubert_tensors
from emollama_hf.encoders.hubert.network import Hubert
from emollama_hf.encoders.hubert.part_config import hubert_part_config
from emollama_hf.errors import ModelError
from tests.encoders.hubert.models import CONFIGS, sound, tiny

State = dict[str, torch.Tensor]
PREPROCESSOR = {"do_normalize": True, "sampling_rate": 16_000, "feature_extractor_type": "Wav2Vec2FeatureExtractor"}
NEW = "encoder.pos_conv_embed.conv.parametrizations.weight.original"
OLD = "encoder.pos_conv_embed.conv.weight_"


def old_names(state: State) -> State:
    """As torch before 2.1 calls a convolution's length and direction."""
    return {name.replace(f"{NEW}0", f"{OLD}g").replace(f"{NEW}1", f"{OLD}v"): one for name, one in state.items()}


def converted(state: State, config: dict[str, Any], preprocessor: dict[str, Any] | None = None) -> Hubert:
    """The network of what a state dict and its two configurations become."""
    part = hubert_part_config(config, PREPROCESSOR if preprocessor is None else preprocessor, where="DIR")
    tensors = dict(hubert_tensors(state, part, where="DIR"))
    network = Hubert.from_config(json.loads(json.dumps(part))).eval()
    network.encoder.load_state_dict(tensors, strict=True)
    return network


@pytest.mark.parametrize("name", CONFIGS)
def test_a_saved_directory_gives_the_numbers_of_transformers(name: str, tmp_path: Path) -> None:
    original = tiny(name)
    original.encoder.save_pretrained(tmp_path)
    Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(tmp_path)
    config, preprocessor = (
        json.loads((tmp_path / file).read_text()) for file in ("config.json", "preprocessor_config.json")
    )
    network = converted(load_file(tmp_path / "model.safetensors"), config, preprocessor)
    assert torch.equal(network.embed([sound(8_000)]), original.embed([sound(8_000)]))


def test_pytorch_model_bin_with_the_old_names(tmp_path: Path) -> None:
    """As TencentGameMate published it: a bare state dict, weight_g and weight_v, the vector of the training's masks."""
    original = tiny()
    state = old_names(original.encoder.state_dict()) | {"masked_spec_embed": torch.rand(32)}
    torch.save(state, tmp_path / "pytorch_model.bin")
    read = model_state(read_checkpoint(tmp_path / "pytorch_model.bin"))
    assert f"{OLD}g" in read
    network = converted(read, {**TINY, "mask_time_prob": 0.05, "torch_dtype": "float32", "auto_map": {"x": "y"}})
    assert torch.equal(network.embed([sound(8_000)]), original.embed([sound(8_000)]))


@pytest.mark.parametrize("names", ["old", "new"])
@pytest.mark.parametrize(
    ("name", "head", "inner"),
    [
        ("hubert large", HubertForCTC, "hubert"),
        ("hubert base", HubertForSequenceClassification, "hubert"),
        ("wav2vec2 large", Wav2Vec2ForPreTraining, "wav2vec2"),
        ("wavlm base", WavLMForXVector, "wavlm"),
    ],
)
def test_heads_are_left_out(name: str, head: Any, inner: str, names: str) -> None:
    config = tiny(name).encoder.config
    config.update({"vocab_size": 12, "mask_time_prob": 0.05, "use_weighted_layer_sum": True})
    model = head(config).eval()
    state = model.state_dict()
    assert any(one.endswith("masked_spec_embed") for one in state)
    network = converted(old_names(state) if names == "old" else state, config.to_dict())
    expected = Hubert(getattr(model, inner).eval())
    assert torch.allclose(network.embed([sound(8_000)]), expected.embed([sound(8_000)]), atol=1e-6)


def test_transformers_reads_the_part(tmp_path: Path) -> None:
    original = tiny()
    part = hubert_part_config(original.encoder.config.to_dict(), PREPROCESSOR, where="DIR")
    tensors = dict(hubert_tensors(original.encoder.state_dict(), part))
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    (tmp_path / "config.json").write_text(json.dumps(part))
    model, report = AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert torch.allclose(Hubert(model.eval()).embed([sound(8_000)]), original.embed([sound(8_000)]), atol=1e-6)


def test_dtypes_of_the_checkpoint_stay() -> None:
    state = {name: tensor.half() for name, tensor in tiny().encoder.state_dict().items()}
    assert {tensor.dtype for _, tensor in hubert_tensors(state, TINY)} == {torch.float16}


def test_do_normalize_is_that_of_the_preprocessor() -> None:
    state = tiny().encoder.state_dict()
    assert converted(state, TINY).do_normalize
    assert not converted(state, TINY, {"do_normalize": False}).do_normalize
    assert converted(state, {**TINY, "do_normalize": False}, {}).do_normalize  # transformers' default, of that file


def test_another_model_or_rate_is_refused() -> None:
    with pytest.raises(ModelError, match="model_type 'llama', expected one of 'hubert', 'wav2vec2', 'wavlm'"):
        hubert_part_config({"model_type": "llama"}, PREPROCESSOR, where="DIR")
    with pytest.raises(ModelError, match="sampling_rate 8000, expected 16000"):
        hubert_part_config(TINY, {**PREPROCESSOR, "sampling_rate": 8_000}, where="DIR")


def test_tensors_that_do_not_fit_are_listed() -> None:
    state = dict(tiny().encoder.state_dict())
    del state["encoder.layers.0.attention.q_proj.weight"]
    state["encoder.layers.1.attention.q_proj.bias"] = torch.zeros(5)
    state["encoder.extra"] = torch.zeros(2)
    with pytest.raises(ModelError) as caught:
        list(hubert_tensors(state, TINY, where="DIR"))
    for found in ("1 missing", "1 unexpected: encoder.extra", "1 of another shape", "(5,) (expected (32,))"):
        assert found in str(caught.value)


def test_two_names_of_one_tensor_are_refused() -> None:
    state = tiny().encoder.state_dict()
    state = {**state, f"{OLD}g": state[f"{NEW}0"]}
    with pytest.raises(ModelError, match="stand for the same tensor"):
        list(hubert_tensors(state, TINY, where="DIR"))
