"""Models of timm in directories: timm's own feature before the head, on timm's own transform."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_model_data_config

from emollama_hf.checkpoints.build import empty_network, ready
from emollama_hf.encoders import find_encoder
from emollama_hf.encoders.image_encoder.description import described
from emollama_hf.encoders.pretrained_encoder import ModelFiles
from emollama_hf.errors import ModelError
from emollama_hf.pretrained import open_pretrained
from emollama_hf.tensors.random_weights import fill_randomly
from tests.pretrained.saved_models import FRAMES, TIMM, far, save_timm, timm_model


@pytest.mark.parametrize("kind", TIMM)
def test_the_feature_is_timms_own(kind: str, tmp_path: Path) -> None:
    save_timm(timm_model(kind), tmp_path)
    source = open_pretrained(tmp_path)
    assert source.part == "image_encoder"
    network = source.load("image_encoder")

    model = timm.create_model(f"local-dir:{tmp_path}", pretrained=True).eval()
    transform = create_transform(**resolve_model_data_config(model), is_training=False)
    pixels = torch.stack([transform(Image.fromarray(frame)) for frame in FRAMES])
    with torch.no_grad():
        expected = model.forward_head(model.forward_features(pixels), pre_logits=True)
    prepared = network.prepared(FRAMES)
    assert prepared.dtype == np.float32
    assert far(prepared, pixels) == 0
    (sequence,) = network.sequences([prepared])
    assert sequence.shape == expected.shape == (3, source.width("image_encoder"))
    assert far(sequence, expected) < 1e-5
    assert far(network.embed([prepared])[0], expected.mean(dim=0)) < 1e-5


def test_pictures_are_prepared_as_config_json_says(tmp_path: Path) -> None:
    save_timm(timm_model("resnet"), tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    settings["pretrained_cfg"] |= {
        "input_size": [3, 40, 40],
        "mean": [0.1, 0.2, 0.3],
        "std": [1, 1, 2],
        "interpolation": "bilinear",
        "crop_pct": 1.0,
    }
    (tmp_path / "config.json").write_text(json.dumps(settings))
    network = open_pretrained(tmp_path).load("image_encoder")
    plain = network.prepared(np.full((1, 40, 40, 3), 255, np.uint8))
    assert plain.shape == (1, 3, 40, 40)
    assert far(plain[0, :, 0, 0], torch.tensor([0.9, 0.8, 0.35])) < 1e-6


def test_the_older_form_of_config_json(tmp_path: Path) -> None:
    """Early uploads have everything at the top, and no arguments of the model."""
    torch.manual_seed(0)
    model = timm.create_model("test_convnext", num_classes=4).eval()
    save_timm(model, tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    older = {"architecture": "test_convnext", "num_features": model.num_features, **settings["pretrained_cfg"]}
    (tmp_path / "config.json").write_text(json.dumps(older))
    network = open_pretrained(tmp_path).load("image_encoder")
    with torch.no_grad():
        expected = model.forward_head(
            model.forward_features(torch.from_numpy(network.prepared(FRAMES))), pre_logits=True
        )
    assert far(network.sequences([network.prepared(FRAMES)])[0], expected) < 1e-5


def test_a_clip_has_the_same_bits_beside_others_and_in_any_number_of_frames(tmp_path: Path) -> None:
    network = open_pretrained(save_timm(timm_model("convnext"), tmp_path)).load("image_encoder")
    long = network.prepared(np.concatenate([FRAMES] * 7))
    short = network.prepared(FRAMES)
    together = network.sequences([long, short])
    assert torch.equal(together[1], network.sequences([short])[0])
    assert len(together[0]) == 21
    assert far(together[0][18:], together[1]) < 1e-5


def test_half_types_are_near_and_their_results_are_float32(tmp_path: Path) -> None:
    source = open_pretrained(save_timm(timm_model("vit"), tmp_path))
    exact = source.load("image_encoder")
    expected = exact.sequences([exact.prepared(FRAMES)])[0]
    for dtype, most in (("bfloat16", 0.1), ("float16", 0.02), ("float16-mixed", 0.0)):
        network = source.load("image_encoder", dtype=dtype)
        found = network.sequences([network.prepared(FRAMES)])[0]
        assert found.dtype == torch.float32
        assert far(found, expected) <= most


def test_a_float16_checkpoint_is_computed_in_float32(tmp_path: Path) -> None:
    model = timm_model("vit")
    source = open_pretrained(save_timm(model.half(), tmp_path))
    network = source.load("image_encoder")
    assert {tensor.dtype for tensor in network.parameters()} == {torch.float32}
    rounded = model.float()
    with torch.no_grad():
        pixels = torch.from_numpy(network.prepared(FRAMES))
        expected = rounded.forward_head(rounded.forward_features(pixels), pre_logits=True)
    assert far(network.sequences([network.prepared(FRAMES)])[0], expected) < 1e-5
    assert {stored for stored, _ in source.stored_tensors("image_encoder").values()} == {"F16"}


def test_weights_in_the_dtype_stay_in_their_file(tmp_path: Path) -> None:
    source = open_pretrained(save_timm(timm_model("vit"), tmp_path))
    network = source.load("image_encoder")
    # A mapped file lies in the address space of the process as such.
    mapped = [line for line in Path("/proc/self/maps").read_text().splitlines() if str(tmp_path) in line]
    first, last = (int(end, 16) for end in mapped[0].split()[0].split("-"))
    assert all(first <= tensor.data_ptr() < last for tensor in network.model.parameters())


def test_random_models_of_the_family() -> None:
    encoder = find_encoder("image_encoder")
    for config in (encoder.tiny, encoder.full):
        given = {"architecture": config["architecture"], **config["settings"]}
        found = described(ModelFiles("random", given))
        assert {name: found[name] for name in ("preprocessing", "width", "settings")} == {
            name: config[name] for name in ("preprocessing", "width", "settings")
        }
        assert encoder.checked_config(config, "random") == config


def test_random_weights_fill_everything() -> None:
    """Buffers that no file holds, and running moments, have values: on the meta device nothing has."""
    encoder = find_encoder("image_encoder")
    architecture, arguments = TIMM["swin"]
    pictures = {"input_size": [3, 32, 32]}
    given = {"architecture": architecture, "model_args": arguments, "pretrained_cfg": pictures}
    config = described(ModelFiles("swin", given))
    network = empty_network("image_encoder", config, "float32")
    fill_randomly(encoder.weights(network), "cpu")
    whole = ready("image_encoder", network, "cpu")
    assert torch.isfinite(whole.embed([whole.prepared(FRAMES)])[0]).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"architecture": "resnet18x"}, "no architecture of the installed timm. Names like it: resnet18"),
        ({"architecture": 7}, "no architecture"),
        ({"model_args": [1]}, "no objects"),
        ({"model_args": {"layers": [1, 1, 10**6, 1]}}, "layers"),
        ({"model_args": {"channels": [8, 8, 16, 16], "base_width": 10**9}}, "base_width"),
        ({"model_args": {"nonsense": 3}}, "refused by timm"),
        ({"pretrained_cfg": {"input_size": [3, 10**6, 10**6]}}, "at most 2048 pixels"),
        ({"model_args": {"in_chans": 1}}, "of another shape|cannot be computed with"),
    ],
)
def test_settings_that_cannot_be_used_are_one_error(change: dict[str, object], said: str, tmp_path: Path) -> None:
    save_timm(timm_model("resnet"), tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(settings | change))
    with pytest.raises(ModelError, match=said):
        open_pretrained(tmp_path).load("image_encoder")
