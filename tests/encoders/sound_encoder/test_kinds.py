"""What is read of the configurations of encoders of speech, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import CONFIG_MAPPING, Wav2Vec2FeatureExtractor, WhisperFeatureExtractor

from emollama_hf.encoders.pretrained_encoder import ModelFiles
from emollama_hf.encoders.sound_encoder.encoder import SoundEncoder
from emollama_hf.errors import ModelError
from tests.encoders.sound_encoder.models import MODELS

ENCODER = SoundEncoder()
KINDS = {kind.model_type: kind for kind in SoundEncoder.kinds}


@pytest.mark.parametrize("model_type", KINDS)
def test_what_files_leave_out_is_what_transformers_assumes(model_type: str) -> None:
    kind = KINDS[model_type]
    assumed = CONFIG_MAPPING[model_type]().to_dict()
    for name, value in kind.defaults.items():
        found = assumed.get(name, False if name == "add_adapter" else None)
        assert (list(found) if isinstance(found, tuple) else found) == value, name
    extractor = WhisperFeatureExtractor if model_type == "whisper" else Wav2Vec2FeatureExtractor
    features = extractor().to_dict()
    assert {name: features[name] for name in kind.preprocessing_defaults} == kind.preprocessing_defaults
    assert kind.keys.keys() >= kind.defaults.keys()
    assert kind.preprocessing_keys.keys() == kind.preprocessing_defaults.keys()


def files(name: str, change: dict[str, Any], preprocessing: dict[str, Any] | None = None) -> ModelFiles:
    config, features = MODELS[name][1].to_dict(), MODELS[name][2].to_dict()
    others = {"preprocessor_config.json": {**features, **(preprocessing or {})}}
    return ModelFiles("DIR", {**config, **change}, others)


@pytest.mark.parametrize("name", MODELS)
def test_a_configuration_is_read_again_as_it_was_written(name: str) -> None:
    config = ENCODER.described(files(name, {"auto_map": {"AutoModel": "code.Model"}, "id2label": {"0": "x"}}))
    assert ENCODER.checked_config({**config, "other": 1}, "DIR") == config
    assert config["library"] == "transformers"
    assert ENCODER.width(config) == 32
    with torch.device("meta"):
        network = ENCODER.network(config)
    assert len(network.blocks()) == 2  # type: ignore[operator]
    assert all(tensor.is_meta for tensor in network.parameters())
    assert ENCODER.config_of(network) == config


@pytest.mark.parametrize(
    ("name", "change", "preprocessing", "said"),
    [
        ("wav2vec2", {"num_attention_heads": 5}, {}, "num_attention_heads=5 does not divide"),
        ("wav2vec2", {"hidden_size": 10**9}, {}, r"settings\.hidden_size=1000000000 \(expected"),
        ("wav2vec2", {"add_adapter": True}, {}, "add_adapter=True"),
        ("wav2vec2", {}, {"sampling_rate": 8_000}, r"sampling_rate=8000 \(expected one of 16000"),
        ("wav2vec2", {}, {"do_normalize": "yes"}, "do_normalize='yes'"),
        ("whisper", {"encoder_attention_heads": 5}, {}, "encoder_attention_heads=5 does not divide"),
        ("whisper", {"num_mel_bins": 128}, {}, "num_mel_bins=128, and feature_size=80"),
        ("whisper", {"max_source_positions": 100}, {}, "max_source_positions=100, and 1500 frames"),
        ("whisper", {}, {"dither": 0.1}, "dither=0.1"),
        ("whisper", {"model_type": "llama"}, {}, "model_type 'llama' is none of hubert, wav2vec2"),
    ],
)
def test_what_does_not_fit_is_said(name: str, change: dict[str, Any], preprocessing: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        ENCODER.described(files(name, change, preprocessing))


def test_without_the_file_of_preprocessing_nothing_is_assumed() -> None:
    with pytest.raises(ModelError, match=r"DIR: has none of preprocessor_config\.json, processor_config\.json"):
        ENCODER.described(ModelFiles("DIR", MODELS["wav2vec2"][1].to_dict()))


def test_a_processor_that_holds_the_feature_extractor_is_read() -> None:
    features = {"feature_extractor": {**MODELS["wav2vec2"][2].to_dict(), "do_normalize": False}}
    given = ModelFiles("DIR", MODELS["wav2vec2"][1].to_dict(), {"processor_config.json": features})
    assert ENCODER.described(given)["preprocessing"]["do_normalize"] is False


def test_a_configuration_from_elsewhere_lacks_something() -> None:
    config = ENCODER.described(files("wav2vec2", {}))
    del config["settings"]["conv_dim"]
    with pytest.raises(ModelError, match=r"no settings\.conv_dim"):
        ENCODER.checked_config(config, "DIR")
