"""Emotion-LLaMA as a transformers model: Auto classes, saving, precision, what it refuses."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel

from emollama_hf.checkpoints import ModelSource, open_model
from emollama_hf.encoders.emotion_llama.config_json import visual_tokens
from emollama_hf.encoders.emotion_llama.prompt import VISUAL_ID, encode_prompt
from emollama_hf.models import EmotionLlamaConfig, EmotionLlamaModel
from tests import second_process
from tests.encoders import golden


def arguments(model: EmotionLlamaModel, source: ModelSource) -> dict[str, torch.Tensor]:
    ids = encode_prompt(
        source.tokenizer("emotion_llama"), visual_tokens=visual_tokens(source.config("emotion_llama"), 2)
    ).input_ids
    return {
        "pixel_values": model.pixels(golden.peak_frame("clip_a"))[None],
        "features": torch.from_numpy(golden.outputs("clip_a/visual_tokens_fork")["video_features"]),
        "input_ids": torch.from_numpy(ids)[None],
    }


def test_auto_classes_load_a_directory_in_a_process_of_their_own(golden_directory: Path) -> None:
    program = (
        "import sys, emollama_hf.models, torch\n"
        "from transformers import AutoConfig, AutoModel\n"
        "config = AutoConfig.from_pretrained(sys.argv[1], subfolder='emotion_llama')\n"
        "model = AutoModel.from_pretrained(sys.argv[1], subfolder='emotion_llama', dtype=torch.bfloat16)\n"
        "print(type(config).__name__, type(model).__name__, model.dtype, model.training)\n"
    )
    done = second_process.run(program, golden_directory, with_package=False, check=True)
    assert done.stdout.split() == ["EmotionLlamaConfig", "EmotionLlamaModel", "torch.bfloat16", "False"]


def test_auto_model_computes_what_our_loader_does(
    golden_directory: Path, source: ModelSource, emotion_llama: EmotionLlamaModel
) -> None:
    model = AutoModel.from_pretrained(golden_directory, subfolder="emotion_llama", dtype=torch.float32)
    given = arguments(emotion_llama, source)
    with torch.inference_mode():
        assert torch.equal(model(**given).last_hidden_state, emotion_llama(**given).last_hidden_state)


def test_saving_and_loading_keeps_every_bit(tmp_path: Path, emotion_llama: EmotionLlamaModel) -> None:
    emotion_llama.save_pretrained(tmp_path)
    again = EmotionLlamaModel.from_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "emotion_llama"
    before, after = emotion_llama.state_dict(), again.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert again.vision_model.post_layernorm.eps == 1e-5
    assert again.vision_model.encoder.layers[0].layer_norm1.eps == 1e-6


def test_language_model_head_in_a_directory_is_ignored_silently(
    tmp_path: Path, golden_directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "emotion_llama"
    folder.mkdir()
    weights = load_file(golden_directory / "emotion_llama" / "model.safetensors")
    save_file({**weights, "lm_head.weight": torch.zeros(720, 96)}, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text((golden_directory / "emotion_llama" / "config.json").read_text())
    with caplog.at_level(logging.WARNING):
        EmotionLlamaModel.from_pretrained(folder)
        open_model(tmp_path).load("emotion_llama")
    assert "lm_head" not in caplog.text


def test_configuration_survives_json() -> None:
    config = EmotionLlamaConfig(vision_config={"image_size": 112}, text_config={"hidden_size": 96}, feature_size=64)
    again = EmotionLlamaConfig.from_dict(json.loads(config.to_json_string()))
    assert again.vision_config.image_size == 112
    assert again.text_config.hidden_size == 96
    assert again.visual_tokens(2) == 19
    assert AutoConfig.for_model("emotion_llama").visual_tokens(2) == 259


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_lower_precision_stays_close(dtype: str, source: ModelSource, emotion_llama: EmotionLlamaModel) -> None:
    given = arguments(emotion_llama, source)
    lower = source.load("emotion_llama", dtype=dtype)  # type: ignore[arg-type]
    rotary = lower.language_model.rotary_emb.inv_freq
    assert rotary.dtype == torch.float32  # rounded frequencies would turn late positions too far
    with torch.inference_mode():
        states = lower(**given).last_hidden_state
        exact = emotion_llama(**given).last_hidden_state
    assert states.dtype == getattr(torch, dtype)
    assert (states.float() - exact).std() < {"float16": 0.01, "bfloat16": 0.06}[dtype]


def test_each_input_matters(source: ModelSource, emotion_llama: EmotionLlamaModel) -> None:
    given = arguments(emotion_llama, source)
    changed = {
        "pixel_values": given["pixel_values"].flip(-1),
        "features": given["features"].flip(-1),
        "input_ids": torch.where(given["input_ids"] == 491, 492, given["input_ids"]),
    }
    with torch.inference_mode():
        before = emotion_llama(**given).last_hidden_state[:, -1]
        for name, value in changed.items():
            after = emotion_llama(**{**given, name: value}).last_hidden_state[:, -1]
            assert (after - before).abs().max() > 1e-4, name


@pytest.mark.parametrize("shape", [(1, 1, 64), (1, 4, 64), (1, 2, 63), (2, 64)])
def test_features_of_another_shape_are_refused(
    shape: tuple[int, ...], source: ModelSource, emotion_llama: EmotionLlamaModel
) -> None:
    given = arguments(emotion_llama, source) | {"features": torch.zeros(shape)}
    with pytest.raises(ValueError, match=r"expected \(B, 2, 64\) for the fork's layout"):
        emotion_llama(**given)


def test_prompt_of_the_other_layout_is_refused(source: ModelSource, emotion_llama: EmotionLlamaModel) -> None:
    given = arguments(emotion_llama, source)
    ids = encode_prompt(
        source.tokenizer("emotion_llama"), visual_tokens=visual_tokens(source.config("emotion_llama"), 3)
    ).input_ids
    assert (ids == VISUAL_ID).sum() == 20
    with pytest.raises(ValueError, match=r"\[20\] places for visual tokens, a clip has 19"):
        emotion_llama(**{**given, "input_ids": torch.from_numpy(ids)[None]})


@pytest.mark.parametrize("vectors", [2, 3])
def test_stored_image_tokens_are_projected_without_an_image_encoder(
    golden_directory: Path, emotion_llama: EmotionLlamaModel, vectors: int
) -> None:
    pixels = emotion_llama.pixels(golden.peak_frame("clip_a"))[None]
    features = torch.randn(1, vectors, emotion_llama.config.feature_size)
    alone = EmotionLlamaModel.from_pretrained(golden_directory, subfolder="emotion_llama", dtype=torch.float32)
    with torch.inference_mode():
        tokens = emotion_llama.ln_vision(emotion_llama.image_tokens(pixels))
        expected = emotion_llama.visual_tokens(pixels, features)
        del alone.vision_model
        assert torch.equal(alone.project(tokens, features), expected)


@pytest.mark.parametrize("shape", [(1, 64), (1, 65, 7), (1, 64, 88)])
def test_image_tokens_of_another_shape_are_refused(emotion_llama: EmotionLlamaModel, shape: tuple[int, ...]) -> None:
    width = emotion_llama.config.vision_config.hidden_size
    assert width == 88
    features = torch.zeros(1, 2, emotion_llama.config.feature_size)
    with pytest.raises(ValueError, match=rf"tokens: expected \(B, 1 \+ patches, {width}\).*got \(1, "):
        emotion_llama.project(torch.zeros(shape), features)
