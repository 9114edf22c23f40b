"""Directories of encoders of video as transformers saves them: the same numbers, strictly loaded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    AutoVideoProcessor,
    TimesformerForVideoClassification,
    VideoMAEForPreTraining,
    VideoMAEForVideoClassification,
    VideoMAEImageProcessor,
    VivitForVideoClassification,
    VJEPA2ForVideoClassification,
)

from emollama_hf.errors import ModelError
from emollama_hf.pretrained import open_pretrained
from tests.encoders.video_encoder.models import MODELS, clip, original, saved
from tests.encoders.video_encoder.test_network import SIZES, apart, own_tokens

PART = "video_encoder"


def load(path: Path, **options: Any) -> Any:
    return open_pretrained(path).load(PART, **options)


def vector(path: Path, name: str, **options: Any) -> torch.Tensor:
    network = load(path, **options)
    found: torch.Tensor = network.embed([network.prepared(clip(SIZES[name][0]))])[0]
    return found


def expected_vector(model: Any, processor: Any, name: str) -> torch.Tensor:
    tokens = own_tokens(model, processor, clip(SIZES[name][0]))
    return tokens[0] if "timesformer" in name or name == "vivit" else tokens.mean(dim=0)


@pytest.mark.parametrize("name", MODELS)
def test_a_directory_gives_what_transformers_makes_of_it(name: str, tmp_path: Path) -> None:
    path = saved(*original(name), tmp_path / "model")
    source = open_pretrained(path)
    assert (source.part, source.width(PART)) == (PART, 48)
    model, processor = AutoModel.from_pretrained(path).eval(), AutoVideoProcessor.from_pretrained(path)
    assert apart(vector(path, name), expected_vector(model, processor, name)) < 1e-5
    network = source.load(PART)
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert len(network.blocks()) == 2


@pytest.mark.parametrize(
    ("name", "head", "inner"),
    [
        ("videomae", VideoMAEForVideoClassification, "videomae"),
        ("videomae", VideoMAEForPreTraining, "videomae"),
        ("timesformer", TimesformerForVideoClassification, "timesformer"),
        ("vivit", VivitForVideoClassification, "vivit"),
        ("vjepa2", VJEPA2ForVideoClassification, "vjepa2"),
    ],
)
def test_heads_are_left_out(name: str, head: Any, inner: str, tmp_path: Path) -> None:
    _, config, processor = MODELS[name]
    sizes = config.to_dict() | {
        "decoder_num_hidden_layers": 1,
        "decoder_hidden_size": 16,
        "decoder_num_attention_heads": 2,
    }
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = head(type(config)(**sizes)).eval()
    path = saved(model, processor, tmp_path / "model")
    assert apart(vector(path, name), expected_vector(getattr(model, inner), processor, name)) < 1e-5


def test_the_image_processor_of_earlier_directories_is_read(tmp_path: Path) -> None:
    model, processor = original("videomae")
    path = saved(model, processor, tmp_path / "model")
    expected = vector(path, "videomae")
    (path / "video_preprocessor_config.json").unlink()
    pictures = {"size": {"shortest_edge": 36}, "crop_size": {"height": 32, "width": 32}}
    VideoMAEImageProcessor(**pictures).save_pretrained(path)
    assert (path / "preprocessor_config.json").is_file()
    assert torch.equal(vector(path, "videomae"), expected)
    assert apart(expected, expected_vector(model, AutoVideoProcessor.from_pretrained(path), "videomae")) < 1e-5


@pytest.mark.parametrize("name", ["videomae", "vjepa2", "timesformer", "vivit"])
def test_what_is_missing_unexpected_or_of_another_shape_is_listed(name: str, tmp_path: Path) -> None:
    path = saved(*original(name), tmp_path / "model")
    state = load_file(path / "model.safetensors")
    missing, misshapen = [one for one in state if one.startswith("encoder.layer.0.") and one.endswith("weight")][:2]
    del state[missing]
    state[misshapen] = torch.zeros(3)
    state["encoder.surprise"] = torch.zeros(2)
    save_file(state, path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError) as caught:
        load(path)
    for found in ("1 missing", "1 unexpected", "surprise", "1 of another shape", "(3,)"):
        assert found in str(caught.value)


def test_the_digest_is_of_weights_settings_and_preprocessing_and_of_no_path(tmp_path: Path) -> None:
    path = saved(*original("videomae"), tmp_path / "model")
    shutil.copytree(path, tmp_path / "elsewhere")
    digest = open_pretrained(path).digest(PART)
    assert open_pretrained(tmp_path / "elsewhere").digest(PART) == digest
    changes = []
    files = (("config.json", "layer_norm_eps", 1e-3), ("video_preprocessor_config.json", "image_mean", [0.4, 0.4, 0.4]))
    for file, key, value in files:
        other = tmp_path / file
        shutil.copytree(path, other)
        settings = json.loads((other / file).read_text())
        (other / file).write_text(json.dumps({**settings, key: value}))
        changes.append(open_pretrained(other).digest(PART))
    changes.append(open_pretrained(saved(*original("videomae", seed=1), tmp_path / "other")).digest(PART))
    assert len({digest, *changes}) == 4


@pytest.mark.parametrize("name", ["videomae", "vjepa2", "timesformer", "vivit"])
def test_half_types(name: str, tmp_path: Path) -> None:
    path = saved(*original(name), tmp_path / "model")
    exact = vector(path, name)
    assert apart(vector(path, name, dtype="bfloat16"), exact) < 0.15
    assert np.isfinite(vector(path, name, dtype="float16").numpy()).all()
