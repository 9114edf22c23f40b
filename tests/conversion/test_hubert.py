"""`convert(hubert=DIR)`: a directory as transformers writes it becomes a part that computes the same numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import Wav2Vec2FeatureExtractor

import emollama_hf
from emollama_hf.checkpoints import open_model
from emollama_hf.errors import ModelError
from tests.encoders.golden import convert_golden
from tests.encoders.hubert.models import CONFIGS, sound, tiny


def saved(folder: Path, name: str = "hubert large", *, do_normalize: bool = True) -> Path:
    """A tiny encoder of speech and its preprocessor, saved by transformers."""
    tiny(name).encoder.save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=do_normalize).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", CONFIGS)
def test_the_part_computes_what_the_saved_model_does(name: str, tmp_path: Path) -> None:
    model = emollama_hf.convert(out=tmp_path / "model", hubert=saved(tmp_path / "saved", name))
    expected = tiny(name).embed([sound(8_000)])
    assert torch.equal(open_model(model).load("hubert").embed([sound(8_000)]), expected)


def test_the_preprocessor_decides_whether_a_waveform_is_normalised(tmp_path: Path) -> None:
    model = emollama_hf.convert(out=tmp_path / "model", hubert=saved(tmp_path / "saved", do_normalize=False))
    assert open_model(model).config("hubert")["do_normalize"] is False
    listed = json.loads((model / "provenance.json").read_text())["sources"]["hubert"]["files"]
    assert {"config.json", "preprocessor_config.json"} < {file["name"] for file in listed}


def test_a_directory_without_its_preprocessor_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path / "saved")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError, match=r"--hubert .* has no preprocessor_config\.json, which says how waveforms"):
        emollama_hf.convert(out=tmp_path / "model", hubert=folder)


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("config.json", {"model_type": "llama"}, "model_type 'llama', expected 'hubert' or 'wav2vec2' or 'wavlm'"),
        ("config.json", {"conv_dim": [10**9]}, r"conv_dim=\[1000000000\] \(expected a list of 1 to 16 whole numbers"),
        ("config.json", {"num_attention_heads": 5}, "num_attention_heads=5 does not divide"),
        ("preprocessor_config.json", {"sampling_rate": 8_000}, "sampling_rate 8000, expected 16000"),
        ("preprocessor_config.json", {"do_normalize": "yes"}, "do_normalize='yes'"),
    ],
)
def test_what_does_not_fit_is_refused(file: str, change: dict[str, object], said: str, tmp_path: Path) -> None:
    folder = saved(tmp_path / "saved")
    found = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({**found, **change}))
    with pytest.raises(ModelError, match=said):
        emollama_hf.convert(out=tmp_path / "model", hubert=folder)
    assert not (tmp_path / "model").exists()


def test_an_encoder_of_another_width_than_emotion_llama_takes_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = convert_golden(tmp_path / "model", hubert=saved(tmp_path / "saved"))
    said = "emotion_llama/ takes vectors of 64 numbers from hubert/, which computes 32: the two cannot be used together"
    assert said in caplog.text
    assert any(said in notice for notice in json.loads((model / "provenance.json").read_text())["notices"])
    assert open_model(model).load("hubert").width == 32


def test_by_itself_it_is_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    emollama_hf.convert(out=tmp_path / "model", hubert=saved(tmp_path / "saved"))
    assert not caplog.text
