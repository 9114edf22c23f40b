"""Names of models, and one clear error for each thing that can be wrong with one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from emollama_hf.checkpoints import open_model
from emollama_hf.checkpoints.write import write_model
from emollama_hf.encoders.emotion_llama.config_json import feature_size, visual_tokens
from emollama_hf.errors import ModelError

LLAMA = Path(__file__).parents[1] / "golden" / "checkpoints" / "llama"


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """A model directory with a face encoder only."""
    return write_model(tmp_path / "model", facemae=open_model("random-tiny").load("facemae"), provenance={})


def test_name_that_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no such directory.*random-tiny, random-full.*emollama-hf convert"):
        open_model(tmp_path / "absent")
    with pytest.raises(ModelError, match="neither a Hub id"):
        open_model("random-huge")


def test_file_instead_of_a_directory(tmp_path: Path) -> None:
    path = tmp_path / "mae_checkpoint.pth"
    path.write_bytes(b"x")
    with pytest.raises(ModelError, match=r"is a file.*emollama-hf convert"):
        open_model(path)


def test_directory_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"found config.json, .*have to be converted first"):
        open_model(LLAMA)
    with pytest.raises(ModelError, match=r"found nothing.*did not finish"):
        open_model(tmp_path)


def test_opening_reads_nothing(encoder: Path) -> None:
    (encoder / "facemae" / "model.safetensors").write_bytes(b"damaged")
    assert open_model(encoder).width("facemae") == 32


def test_missing_weights(encoder: Path) -> None:
    (encoder / "facemae" / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"no model.safetensors.*it has config.json"):
        open_model(encoder).load("facemae")


def test_missing_or_damaged_configuration(encoder: Path) -> None:
    config = encoder / "facemae" / "config.json"
    config.write_text("{}")
    with pytest.raises(ModelError, match="no model_args with embed_dim"):
        open_model(encoder).width("facemae")
    config.write_text("{")
    with pytest.raises(ModelError, match="not JSON"):
        open_model(encoder).width("facemae")
    config.unlink()
    with pytest.raises(ModelError, match=r"facemae/ has no config.json"):
        open_model(encoder).load("facemae")


def test_git_lfs_pointer(encoder: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    (encoder / "facemae" / "model.safetensors").write_text(pointer)
    with pytest.raises(ModelError, match=r"Git LFS pointer.*git lfs pull"):
        open_model(encoder).load("facemae")


@pytest.mark.parametrize("kept", [0, 5, 100, 10_000])
def test_truncated_weights(encoder: Path, kept: int) -> None:
    path = encoder / "facemae" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ModelError, match=rf"{kept} bytes\): not a whole safetensors file.*fetch it again"):
        open_model(encoder).load("facemae")


def test_all_tensors_that_do_not_fit_are_listed(encoder: Path) -> None:
    path = encoder / "facemae" / "model.safetensors"
    tensors = load_file(path)
    del tensors["norm.weight"], tensors["cls_token"]
    tensors["head.weight"] = torch.zeros(3, 32)
    tensors["norm.bias"] = torch.zeros(31)
    save_file(tensors, path)
    with pytest.raises(ModelError) as caught:
        open_model(encoder).load("facemae")
    for text in (
        "2 missing: cls_token (1, 1, 32), norm.weight (32,)",
        "1 unexpected: head.weight (3, 32)",
        "1 of another shape: norm.bias (31,) (expected (32,))",
    ):
        assert text in str(caught.value)


def test_widths_follow_the_configuration(encoder: Path) -> None:
    path = encoder / "facemae" / "config.json"
    config = json.loads(path.read_text())
    config["model_args"]["embed_dim"] = 48
    path.write_text(json.dumps(config))
    source = open_model(encoder)
    assert source.width("facemae") == 48
    with pytest.raises(ModelError, match="of another shape"):
        source.load("facemae")


def test_defaults_that_transformers_leaves_out(tmp_path: Path) -> None:
    for part, config in (
        ("videomae", {"model_type": "videomae"}),
        ("emotion_llama", {"model_type": "emotion_llama", "vision_config": {"image_size": 448}}),
    ):
        (tmp_path / part).mkdir()
        (tmp_path / part / "config.json").write_text(json.dumps(config))
    source = open_model(tmp_path)
    assert source.width("videomae") == 768
    assert (
        source.width("emotion_llama"),
        feature_size(source.config("emotion_llama")),
        visual_tokens(source.config("emotion_llama"), 2),
    ) == (4096, 1024, 259)


def test_tokenizer_from_elsewhere(tmp_path: Path) -> None:
    source = open_model("random-full", tokenizer=LLAMA)
    assert source.tokenizer("emotion_llama").encode("happy") == [296]
    assert source.digest("emotion_llama") != open_model("random-full").digest("emotion_llama")
    assert source.digest("facemae") == open_model("random-full").digest("facemae")
    (tmp_path / "emotion_llama").mkdir()
    for name in ("tokenizer.model", "tokenizer_config.json"):
        shutil.copy(LLAMA / name, tmp_path / "emotion_llama")
    assert open_model("random-full", tokenizer=tmp_path).tokenizer("emotion_llama").encode("happy") == [296]


def test_tokenizer_that_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"tokenizer=.*no such directory.*tokenizer.model"):
        open_model("random-full", tokenizer=tmp_path / "absent")
    with pytest.raises(ModelError, match=r"has no tokenizer.model"):
        open_model("random-full", tokenizer=tmp_path)
