"""What is read of the configurations of encoders of video, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
import transformers
from transformers import CONFIG_MAPPING

from emollama_hf.encoders.pretrained_encoder import ModelFiles
from emollama_hf.encoders.video_encoder.encoder import VideoEncoder
from emollama_hf.encoders.video_encoder.kinds import VIDEO_KINDS
from emollama_hf.errors import ModelError
from tests.encoders.video_encoder.models import MODELS

ENCODER = VideoEncoder()


@pytest.mark.parametrize("kind", VIDEO_KINDS, ids=lambda kind: kind.model_type)
def test_what_files_leave_out_is_what_transformers_assumes(kind: Any) -> None:
    assumed = json.loads(CONFIG_MAPPING[kind.model_type]().to_json_string(use_diff=False))
    assert {name: assumed[name] for name in kind.defaults} == kind.defaults
    processor = json.loads(getattr(transformers, kind.processor)().to_json_string())
    found = {name: processor[name] for name in kind.preprocessing_defaults}
    assert found == kind.preprocessing_defaults
    assert kind.keys.keys() == kind.defaults.keys()


def files(name: str, change: dict[str, Any], pictures: dict[str, Any] | None = None) -> ModelFiles:
    config, processor = (json.loads(one.to_json_string()) for one in MODELS[name][1:])
    others = {"preprocessor_config.json": {**processor, **(pictures or {})}}
    return ModelFiles("DIR", {**config, **change}, others)


@pytest.mark.parametrize("name", MODELS)
def test_a_configuration_is_read_again_as_it_was_written(name: str) -> None:
    config = ENCODER.described(files(name, {"auto_map": {"AutoModel": "code.Model"}}))
    assert ENCODER.checked_config({**json.loads(json.dumps(config)), "other": 1}, "DIR") == config
    assert ENCODER.width(config) == 48
    with torch.device("meta"):
        network = ENCODER.network(config)
    assert len(network.blocks()) == 2  # type: ignore[operator]
    assert all(tensor.is_meta for tensor in network.parameters())
    assert ENCODER.config_of(network) == config


@pytest.mark.parametrize(
    ("name", "change", "pictures", "said"),
    [
        ("videomae", {"num_attention_heads": 5}, {}, "hidden_size=48, which num_attention_heads=5 does not divide"),
        ("videomae", {"num_frames": 7}, {}, "the number of frames=7, which the tubelet size=2 does not divide"),
        ("videomae", {"image_size": 36, "patch_size": 8}, {}, "image_size=36, which the patch size=8 does not divide"),
        ("videomae", {"image_size": 40}, {}, "image_size=40, and the preprocessing gives 32 pixels a side"),
        ("videomae", {"num_hidden_layers": 10**9}, {}, r"settings\.num_hidden_layers=1000000000"),
        ("videomae", {}, {"do_center_crop": False}, "the preprocessing gives 36 pixels a side"),
        ("videomae", {}, {"do_center_crop": False, "do_resize": False}, "gives no square of fixed size"),
        ("videomae", {}, {"crop_size": {"height": 32, "width": 64}}, "gives no square of fixed size"),
        ("videomae", {}, {"size": {"longest_edge": 32}}, r"preprocessing\.size=.*expected height and width"),
        ("videomae", {}, {"image_mean": [0.5]}, r"preprocessing\.image_mean=\[0\.5\]"),
        ("vjepa2", {"crop_size": 64}, {}, "crop_size=64, and the preprocessing gives 32 pixels a side"),
        ("timesformer", {"attention_type": "space_only"}, {}, "attention_type='space_only'"),
        ("timesformer", {"num_frames": 0}, {}, r"settings\.num_frames=0"),
        ("vivit", {"tubelet_size": [2, 8, 4]}, {}, "tubelet_size=.*expected three whole numbers"),
        ("vivit", {}, {"offset": False}, "offset=False"),
        ("vivit", {"image_size": 8192, "num_frames": 1024}, {"crop_size": 8192}, "values of positions"),
        ("vivit", {"model_type": "llama"}, {}, "model_type 'llama' is none of videomae, vjepa2, timesformer, vivit"),
    ],
)
def test_what_does_not_fit_is_said(name: str, change: dict[str, Any], pictures: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        ENCODER.described(files(name, change, pictures))


def test_without_the_file_of_preprocessing_nothing_is_assumed() -> None:
    with pytest.raises(ModelError, match=r"DIR: has none of video_preprocessor_config\.json"):
        ENCODER.described(ModelFiles("DIR", MODELS["videomae"][1].to_dict()))


def test_settings_of_earlier_versions_of_transformers() -> None:
    """As MCG-NJU/videomae-base has them."""
    old = {**files("videomae", {}).config, "qkv_bias": False}
    del old["qv_bias"]
    old_pictures = {"size": 32, "crop_size": 32, "feature_extractor_type": "VideoMAEFeatureExtractor", "resample": 2}
    config = ENCODER.described(ModelFiles("DIR", old, {"preprocessor_config.json": old_pictures}))
    assert config["settings"]["qv_bias"] is False
    assert ENCODER.library_model(config).config.qv_bias is False  # type: ignore[union-attr]
    network: Any = ENCODER.network(config)
    assert network.processor.size.shortest_edge == 32
    assert network.processor.crop_size.height == 32
