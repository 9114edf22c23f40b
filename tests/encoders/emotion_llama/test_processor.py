"""Pictures and instructions to the model's arguments, by the Auto class, from a directory and back into one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoProcessor

from emollama_hf import EmotionLlamaProcessor
from emollama_hf.errors import ModelError
from emollama_hf.models import EmotionLlamaModel
from tests.encoders import golden
from tests.encoders.golden import DECODER_LIMIT, assert_reproduced


@pytest.fixture(scope="module")
def processor(golden_directory: Path) -> EmotionLlamaProcessor:
    return AutoProcessor.from_pretrained(golden_directory, subfolder="emotion_llama")


@pytest.mark.parametrize("variant", golden.VARIANTS)
def test_it_gives_the_model_what_the_original_gave_its_own(
    variant: str, processor: EmotionLlamaProcessor, emotion_llama: EmotionLlamaModel
) -> None:
    assert type(processor) is EmotionLlamaProcessor
    recorded = golden.outputs(f"batch_{variant}")
    clips = recorded["clips"].tolist()
    asked = [golden.PROMPTS["instructions"][name] for name in recorded["instructions"].tolist()]
    inputs = processor(
        images=[golden.peak_frame(clip) for clip in clips],
        instruction=[one["text"] for one in asked],
        task=[one["task"] for one in asked],
        layout=variant,
    )
    np.testing.assert_array_equal(inputs["attention_mask"], recorded["attention_mask"])
    features = np.concatenate([golden.outputs(f"{clip}/visual_tokens_{variant}")["video_features"] for clip in clips])
    with torch.inference_mode():
        states = emotion_llama(**inputs, features=torch.from_numpy(features)).last_hidden_state
    for row, clip in enumerate(clips):
        length = int(recorded["lengths"][row])
        exact = golden.outputs(f"{clip}/llm_{variant}_{recorded['instructions'][row]}")["last_hidden_state"]
        assert_reproduced(states[row : row + 1, :length], exact, DECODER_LIMIT)


def test_one_instruction_for_all_pictures_of_any_kind(processor: EmotionLlamaProcessor) -> None:
    frame = golden.peak_frame("clip_b")
    inputs = processor(images=[frame, Image.fromarray(frame)], instruction="How is she?")
    assert inputs["pixel_values"].shape == (2, 3, 112, 112)
    assert torch.equal(inputs["pixel_values"][0], inputs["pixel_values"][1])
    assert inputs["attention_mask"].all()
    alone = processor(images=frame)
    assert alone["input_ids"].shape[0] == 1
    assert set(alone) == set(processor.model_input_names)
    assert processor(images=frame, chat_template=True)["input_ids"].shape != alone["input_ids"].shape


def test_what_it_refuses(processor: EmotionLlamaProcessor) -> None:
    frame = golden.peak_frame("clip_a")
    for arguments, message in (
        ({"images": []}, "expected at least one picture"),
        ({"images": [frame], "layout": "both"}, "Valid: 'fork', 'upstream'"),
        ({"images": [frame], "instruction": ["a", "b"]}, "instruction: got 2 for 1 pictures"),
        ({"images": [frame / 255]}, "got float64 of shape .* expected PIL images"),
        ({"images": [frame], "instruction": "  "}, "expected a text that is not empty"),
    ):
        with pytest.raises(ValueError, match=message):
            processor(**arguments)


def test_saving_and_loading(processor: EmotionLlamaProcessor, tmp_path: Path) -> None:
    written = processor.save_pretrained(tmp_path / "saved")
    assert {Path(name).name for name in written} >= {"processor_config.json", "tokenizer.model"}
    again = AutoProcessor.from_pretrained(tmp_path / "saved")
    frame = golden.peak_frame("clip_a")
    before, after = (one(images=frame, instruction="Süß <s> $$?") for one in (processor, again))
    assert all(torch.equal(before[name], after[name]) for name in before)
    again.save_pretrained(tmp_path / "saved")  # onto itself
    assert AutoProcessor.from_pretrained(tmp_path / "saved").image_tokens == 16
    for name in ("tokenizer.model", "tokenizer_config.json", "special_tokens_map.json"):
        (tmp_path / "saved" / name).unlink()
    with pytest.raises(ModelError, match=r"has no tokenizer. Copy tokenizer.model there"):
        AutoProcessor.from_pretrained(tmp_path / "saved")


@pytest.fixture
def saved(processor: EmotionLlamaProcessor, tmp_path: Path) -> Path:
    processor.save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


def test_only_listed_keys_of_its_file_are_read(processor: EmotionLlamaProcessor, saved: Path) -> None:
    path = saved / "processor_config.json"
    code = {"auto_map": {"AutoProcessor": "evil.Evil"}, "processor_class": "Evil", "tokenizer": {"x": 1}}
    path.write_text(
        json.dumps({**json.loads(path.read_text()), **code, "custom_pipelines": {}, "chat_template": "{{x}}"})
    )
    again = EmotionLlamaProcessor.from_pretrained(saved)
    assert vars(again).keys() == vars(processor).keys()
    assert again.chat_template is None
    assert again.to_dict() == processor.to_dict()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"image_size": 10**6, "image_tokens": 16}, "image_size=1000000 .expected a whole number from 1 to 8192"),
        ({"image_size": 112, "image_tokens": 10**9}, "image_tokens=1000000000"),
        ({"image_size": "112", "image_tokens": 16}, "image_size='112'"),
        ({"image_size": True, "image_tokens": 16}, "image_size=True"),
        ({"image_size": 112}, "image_tokens=None"),
        ([112, 16], "a list, expected an object"),
        ({"image_size": 112, "image_tokens": float("nan")}, "NaN"),
        ({"image_size": 112, "image_tokens": 16, "log": "x" * 2**24}, "expected at most"),
    ],
)
def test_values_out_of_bounds_are_refused(saved: Path, content: object, said: str) -> None:
    (saved / "processor_config.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match=said) as error:
        EmotionLlamaProcessor.from_pretrained(saved)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("file", ["processor_config.json", "tokenizer.model"])
def test_a_link_to_elsewhere_is_refused(saved: Path, tmp_path: Path, file: str) -> None:
    (saved / file).rename(tmp_path / file)
    (saved / file).symlink_to(tmp_path / file)
    with pytest.raises(ModelError, match="outside of"):
        EmotionLlamaProcessor.from_pretrained(saved)
