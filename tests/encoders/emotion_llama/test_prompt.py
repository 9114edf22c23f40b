"""The prompt's text, ids, places and padding, against the recorded ones of the original."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import product

import numpy as np
import pytest

from emollama_hf.checkpoints import open_model
from emollama_hf.encoders.emotion_llama.config_json import visual_tokens
from emollama_hf.encoders.emotion_llama.prompt import (
    DEFAULT_INSTRUCTION,
    DEFAULT_TASK,
    SPAN_NAMES,
    VISUAL_ID,
    encode_prompt,
    pad_prompts,
    prompt_segments,
)
from emollama_hf.encoders.emotion_llama.tokenizer import LlamaTokenizer
from tests.encoders.golden import ROOT

GOLDEN = ROOT
PROMPTS = json.loads((GOLDEN / "inputs" / "prompts.json").read_text())["instructions"]
IDS = json.loads((GOLDEN / "outputs" / "token_ids.json").read_text())
TOKENIZER = LlamaTokenizer(GOLDEN / "checkpoints" / "llama")
VISUAL_TOKENS = {"fork": 19, "upstream": 20}


def test_defaults_are_the_original_emotion_question() -> None:
    assert {"task": DEFAULT_TASK, "text": DEFAULT_INSTRUCTION}.items() <= PROMPTS["emotion"].items()


@pytest.mark.parametrize(("name", "chat"), list(product(PROMPTS, (False, True))))
def test_segments_and_their_ids(name: str, chat: bool) -> None:
    recorded = IDS["instructions"][name]["chat_template_true" if chat else "extraction"]
    task, text = PROMPTS[name]["task"], PROMPTS[name]["text"]
    assert list(prompt_segments(task, text, chat_template=chat)) == recorded["segments"]
    prompt = encode_prompt(TOKENIZER, task, text, visual_tokens=19, chat_template=chat)
    parts = {part: prompt.input_ids[slice(*prompt.spans[part])].tolist() for part in SPAN_NAMES}
    assert [parts[f"segment_{i}"] for i in range(3)] == recorded["ids"]
    assert parts["bos"] == [IDS["bos_token_id"]]
    assert parts["answer"] == IDS["answer_ids"]
    assert parts["image_slot"] == [VISUAL_ID] * 15
    assert parts["feature_slot"] == [VISUAL_ID] * 4


@pytest.mark.parametrize(("variant", "name"), list(product(VISUAL_TOKENS, PROMPTS)))
def test_spans_cover_the_sequence_as_recorded(variant: str, name: str) -> None:
    with np.load(GOLDEN / "outputs" / "clip_a" / f"llm_{variant}_{name}.npz") as recorded:
        names, spans, length = recorded["span_names"], recorded["spans"], recorded["attention_mask"].shape[1]
    prompt = encode_prompt(
        TOKENIZER, PROMPTS[name]["task"], PROMPTS[name]["text"], visual_tokens=VISUAL_TOKENS[variant]
    )
    assert list(prompt.spans) == names.tolist()
    assert [list(span) for span in prompt.spans.values()] == spans.tolist()
    assert prompt.length == length


@pytest.mark.parametrize(("features", "length"), [(2, 309), (3, 310)])
def test_real_size_has_the_length_of_the_paper(features: int, length: int) -> None:
    source = open_model("random-full")
    count = visual_tokens(source.config("emotion_llama"), features)
    prompt = encode_prompt(source.tokenizer("emotion_llama"), visual_tokens=count)
    assert prompt.length == length
    assert prompt.input_ids.dtype == np.int64
    assert (prompt.input_ids != VISUAL_ID).sum() == 50


def test_padding_is_on_the_right_with_the_padding_piece() -> None:
    prompts = [
        encode_prompt(TOKENIZER, PROMPTS[name]["task"], PROMPTS[name]["text"], visual_tokens=19)
        for name in ("emotion", "unicode")
    ]
    batch = pad_prompts(prompts, TOKENIZER.pad_id)
    assert TOKENIZER.pad_id == IDS["pad_token_id"]
    assert batch.input_ids.shape == batch.attention_mask.shape == (2, 110)
    assert batch.attention_mask.sum(axis=1).tolist() == [98, 110]
    assert (batch.input_ids[0, 98:] == IDS["pad_token_id"]).all()
    np.testing.assert_array_equal(batch.input_ids[1], prompts[1].input_ids)


@pytest.mark.parametrize("bad", ["", "  ", "see <VideoHere>", "<FeatureHere>"])
def test_texts_that_would_break_the_prompt_are_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="instruction"):
        prompt_segments("emotion", bad)
    with pytest.raises(ValueError, match="task"):
        prompt_segments(bad, "How is she?")


def test_braces_in_an_instruction_are_text() -> None:
    assert prompt_segments("a", "{task} {x}")[2] == "</feature> [a] {task} {x} "


def test_too_few_visual_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 4"):
        encode_prompt(TOKENIZER, visual_tokens=4)


def test_length_is_known_without_torch() -> None:
    program = (
        "import sys\n"
        "from emollama_hf.checkpoints import open_model\n"
        "from emollama_hf.encoders.emotion_llama.prompt import encode_prompt\n"
        "from emollama_hf.encoders.emotion_llama.pooling import pooled_shape\n"
        "source = open_model('random-full')\n"
        "from emollama_hf.encoders.emotion_llama.config_json import visual_tokens\n"
        "count = visual_tokens(source.config('emotion_llama'), 2)\n"
        "prompt = encode_prompt(source.tokenizer('emotion_llama'), visual_tokens=count)\n"
        "source.digest('emotion_llama')\n"
        "print(pooled_shape('all', prompt.spans, source.width('emotion_llama')))\n"
        "print([m for m in ('torch', 'timm', 'transformers', 'datasets') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["(309, 4096)", "[]"]
