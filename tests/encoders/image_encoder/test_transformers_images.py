"""Models of transformers in directories: transformers' own feature, on its own processor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file

from emollama_hf.errors import ModelError
from emollama_hf.pretrained import open_pretrained
from tests.pretrained.saved_models import FRAMES, TRANSFORMERS, far, save_transformers, transformers_model


def own_feature(kind: str, model: Any, pixels: torch.Tensor) -> torch.Tensor:
    """What a user of transformers takes as the feature of such a model."""
    if kind in ("clip", "siglip"):
        return model.vision_model(pixels).pooler_output
    if kind == "vit classifier":
        return model.vit(pixels).last_hidden_state[:, 0]
    if kind == "masked autoencoder":
        model.config.mask_ratio = 0.0
        encoder = transformers.ViTMAEModel(model.config).eval()
        encoder.load_state_dict(model.vit.state_dict())
        return encoder(pixels).last_hidden_state[:, 0]
    inner = getattr(model, model.base_model_prefix, model)
    return inner(pixels).pooler_output.flatten(1)


@pytest.mark.parametrize("kind", TRANSFORMERS)
def test_the_feature_is_transformers_own(kind: str, tmp_path: Path) -> None:
    model = transformers_model(kind)
    source = open_pretrained(save_transformers(model, kind, tmp_path))
    assert source.part == "image_encoder"
    network = source.load("image_encoder")

    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path)
    pixels = processor(images=[Image.fromarray(frame) for frame in FRAMES], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        expected = own_feature(kind, model, pixels)
    prepared = network.prepared(FRAMES)
    assert far(prepared, pixels) == 0
    (sequence,) = network.sequences([prepared])
    assert sequence.shape == expected.shape == (3, source.width("image_encoder"))
    assert far(sequence, expected) < 1e-5
    assert far(network.embed([prepared])[0], expected.mean(dim=0)) < 1e-5


def test_a_masked_autoencoder_sees_the_whole_picture_every_time(tmp_path: Path) -> None:
    kind = "masked autoencoder"
    network = open_pretrained(save_transformers(transformers_model(kind), kind, tmp_path)).load("image_encoder")
    prepared = network.prepared(FRAMES)
    assert torch.equal(network.embed([prepared])[0], network.embed([prepared])[0])


def test_a_model_that_takes_more_than_pictures_is_refused(tmp_path: Path) -> None:
    config = transformers.Siglip2VisionConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
    transformers.Siglip2VisionModel(config).save_pretrained(tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "siglip2", "vision_config": settings}))
    transformers.SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="takes pixel_attention_mask, spatial_shapes beside pictures"):
        open_pretrained(tmp_path).config("image_encoder")


def test_names_of_older_versions_are_renamed_by_transformers(tmp_path: Path) -> None:
    """As google/vit-base-patch16-224 stores them."""
    save_transformers(transformers_model("vit classifier"), "vit classifier", tmp_path)
    expected = features(tmp_path)
    older = {
        name.replace("vit.layers.", "vit.encoder.layer.")
        .replace("attention.q_proj", "attention.attention.query")
        .replace("attention.k_proj", "attention.attention.key")
        .replace("attention.v_proj", "attention.attention.value")
        .replace("attention.o_proj", "attention.output.dense")
        .replace("mlp.fc1", "intermediate.dense")
        .replace("mlp.fc2", "output.dense"): tensor
        for name, tensor in load_file(tmp_path / "model.safetensors").items()
    }
    save_file(older, tmp_path / "model.safetensors")
    assert torch.equal(features(tmp_path), expected)


def features(folder: Path) -> torch.Tensor:
    """What the model of a folder computes of the frames."""
    network = open_pretrained(folder).load("image_encoder")
    found: torch.Tensor = network.sequences([network.prepared(FRAMES)])[0]
    return found


def test_code_in_a_repository_is_ignored(tmp_path: Path) -> None:
    save_transformers(transformers_model("dinov2"), "dinov2", tmp_path)
    expected = features(tmp_path)
    ran = tmp_path / "ran"
    (tmp_path / "code.py").write_text(f"open({str(ran)!r}, 'w')\n")
    for name, key in (("config.json", "AutoModel"), ("preprocessor_config.json", "AutoImageProcessor")):
        settings = json.loads((tmp_path / name).read_text())
        settings |= {"auto_map": {key: "code.Model", "AutoConfig": "code.Config"}, "trust_remote_code": True}
        (tmp_path / name).write_text(json.dumps(settings))
    assert torch.equal(features(tmp_path), expected)
    assert not ran.exists()


def test_a_processor_within_processor_config_json(tmp_path: Path) -> None:
    save_transformers(transformers_model("clip"), "clip", tmp_path)
    expected = features(tmp_path)
    alone = tmp_path / "preprocessor_config.json"
    whole = {"processor_class": "CLIPProcessor", "image_processor": json.loads(alone.read_text())}
    alone.unlink()
    with pytest.raises(ModelError, match=r"no preprocessor_config\.json"):
        open_pretrained(tmp_path).config("image_encoder")
    (tmp_path / "processor_config.json").write_text(json.dumps(whole))
    assert torch.equal(features(tmp_path), expected)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hidden_size": 10**9}, "hidden_size"),
        ({"hidden_size": 4_000_000}, "model with .* numbers, and the weights have"),
        ({"num_hidden_layers": 10**6}, "num_hidden_layers"),
        ({"num_hidden_layers": 3}, r"8? ?missing: .*\.2\."),
        ({"num_hidden_layers": 1}, r"unexpected: .*\.1\."),
        ({"hidden_size": 17}, "."),
        ({"intermediate_size": 24}, "of another shape"),
        ({"hidden_act": "no such function"}, "."),
        ({"model_type": "llama"}, "no encoder of images, videos or sound"),
        ({"model_type": ["vit"]}, "neither model_type"),
        ({"model_type": "imagegpt"}, "."),
    ],
)
def test_a_configuration_that_does_not_fit_is_one_error(change: dict[str, object], said: str, tmp_path: Path) -> None:
    save_transformers(transformers_model("vit"), "vit", tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(settings | change))
    with pytest.raises(ModelError, match=said) as error:
        open_pretrained(tmp_path).load("image_encoder")
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"size": {"height": 10**6, "width": 10**6}}, "at most 2048 pixels"),
        ({"image_processor_type": "NoSuchProcessor"}, "refused by transformers"),
        ({"image_mean": [0.5] * 10**5}, "numbers"),
    ],
)
def test_preprocessing_that_cannot_be_used_is_one_error(change: dict[str, object], said: str, tmp_path: Path) -> None:
    save_transformers(transformers_model("vit"), "vit", tmp_path)
    settings = json.loads((tmp_path / "preprocessor_config.json").read_text())
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings | change))
    with pytest.raises(ModelError, match=said):
        open_pretrained(tmp_path).config("image_encoder")
