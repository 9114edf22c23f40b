"""`EmotionPredict` asks an adapter as it was trained: labels, words, prompt, end symbol."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from emollama_hf import EmotionPredict, ModelError, convert
from emollama_hf.encoders.emotion_llama.answer_labels import EMOTION_LABELS
from emollama_hf.encoders.emotion_llama.likelihood import log_likelihoods
from emollama_hf.encoders.emotion_llama.prompt import encode_prompt
from tests.adapters import INSTRUCTION, TEXTS, write_classifier
from tests.encoders import golden
from tests.stages.test_answers import columns


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return golden.convert_golden(tmp_path_factory.mktemp("golden") / "model")


@pytest.fixture(scope="module", params=[True, False], ids=["chat", "plain"])
def adapter(request: pytest.FixtureRequest, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_classifier(tmp_path_factory.mktemp("adapter") / "mw", model, chat=request.param)


def scored(stage: EmotionPredict, texts: Sequence[str], *, chat: bool, direct: bool) -> np.ndarray:
    """Log-probability of each text and the end symbol behind the training's prompt, one row a clip.

    direct: by a pass over each whole sequence of training, and not by `log_likelihoods`.
    """
    rows = columns("clip_a", "clip_b")
    tokenizer = stage.source.tokenizer("emotion_llama")
    prompt = encode_prompt(
        tokenizer, "classification", INSTRUCTION, visual_tokens=stage.visual_token_count(), chat_template=chat
    )
    opened = prompt.input_ids[:-1]
    assert prompt.input_ids[-1] == tokenizer.eos_id
    answers = [[*tokenizer.encode(text), tokenizer.eos_id] for text in texts]
    items = [stage.prepare({name: values[row] for name, values in rows.items()}) for row in range(2)]
    with stage.computing() as network:
        from emollama_hf.stages.decoder_stage import tensors_of

        tokens = network.recent_visual_tokens(**tensors_of(items, network.device))
        language_model = stage.language_model(network)
        if not direct:
            embedded = [network.embed(torch.from_numpy(opened)[None], one[None])[0] for one in tokens]
            found = log_likelihoods(language_model, embedded, answers)
            return np.array([[pieces.sum() for pieces in row] for row in found], np.float64)
        scores = np.zeros((2, len(texts)))
        for row, column in np.ndindex(scores.shape):
            ids = torch.tensor([[*opened, *answers[column]]])
            logits = language_model(inputs_embeds=network.embed(ids, tokens[row : row + 1])).logits[0]
            before = logits[len(opened) - 1 : -1].float().log_softmax(-1)
            scores[row, column] = before.gather(1, torch.tensor(answers[column])[:, None]).sum()
        return scores


@pytest.mark.parametrize("direct", [True, False], ids=["whole sequences", "log_likelihoods"])
def test_probabilities_are_those_of_the_training(direct: bool, model: Path, adapter: Path) -> None:
    stage = EmotionPredict(model, adapter=adapter, method="likelihood")
    chat = json.loads((adapter / "provenance.json").read_text())["prompt"]["chat_template"]
    scores = scored(stage, TEXTS, chat=chat, direct=direct)
    wanted = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    found = stage(columns("clip_a", "clip_b"))
    np.testing.assert_allclose(found["emotion_probs"], wanted, rtol=1e-4)
    assert found["emotion"] == [TEXTS[one] for one in wanted.argmax(axis=1)]


def test_a_merged_model_that_is_asked_alike_answers_alike(model: Path, adapter: Path, tmp_path: Path) -> None:
    asked = EmotionPredict(model, adapter=adapter, method="likelihood")
    options = {
        name: getattr(asked.config, name) for name in ("labels", "task", "instruction", "prompt", "chat_template")
    }
    merged = EmotionPredict(
        convert(model=model, adapter=adapter, out=tmp_path / "merged"), method="likelihood", **options
    )
    rows = columns("clip_a", "clip_b")
    np.testing.assert_allclose(merged(rows)["emotion_probs"], asked(rows)["emotion_probs"], rtol=1e-3)


def test_what_is_left_out_is_the_adapters_and_what_is_given_is_not(model: Path, adapter: Path) -> None:
    config = EmotionPredict(model, adapter=adapter).config
    assert (config.labels, config.task, config.instruction) == (TEXTS, "classification", INSTRUCTION)
    assert config.prompt == "training"
    given = EmotionPredict(
        model, adapter=adapter, labels=["a", "b"], task="x", instruction="y?", prompt="generation"
    ).config
    assert (given.labels, given.task, given.instruction, given.prompt) == (("a", "b"), "x", "y?", "generation")
    assert EmotionPredict(model).config.labels == EMOTION_LABELS
    assert EmotionPredict(model, prompt="training").config.chat_template is True
    assert EmotionPredict(model, chat_template=False).config.chat_template is None


def test_the_form_of_the_prompt_is_named_where_there_is_a_choice(model: Path, adapter: Path) -> None:
    plain = EmotionPredict(model).resolved_config()
    assert {"prompt", "chat_template"}.isdisjoint(plain)
    assert EmotionPredict(model, prompt="generation").fingerprint == EmotionPredict(model).fingerprint
    assert EmotionPredict(model, prompt="training").fingerprint != EmotionPredict(model).fingerprint
    forms = [EmotionPredict(model, adapter=adapter, prompt=form) for form in ("training", "generation")]
    assert [one.resolved_config()["prompt"] for one in forms] == ["training", "generation"]
    chats = [EmotionPredict(model, prompt="training", chat_template=chat).fingerprint for chat in (True, False)]
    assert len(set(chats)) == 2


def test_both_prompts_generate(model: Path, adapter: Path) -> None:
    rows = columns("clip_a")
    for prompt in ("training", "generation"):
        found = EmotionPredict(model, adapter=adapter, prompt=prompt, max_new_tokens=4)(rows)
        assert found["emollama_status"] == ["ok"]
        assert isinstance(found["emotion_answer"][0], str)


def test_a_label_may_begin_another_where_its_end_is_scored(model: Path, tmp_path: Path) -> None:
    adapter = write_classifier(tmp_path / "adapter", model, texts=("wandering", "wandering mind"))
    found = EmotionPredict(model, adapter=adapter, method="likelihood")(columns("clip_a"))
    np.testing.assert_allclose(np.sum(found["emotion_probs"]), 1, atol=1e-5)
    with pytest.raises(ModelError, match="begin those of"):
        EmotionPredict(model, adapter=adapter, method="likelihood", prompt="generation")(columns("clip_a"))


@pytest.mark.parametrize(
    "options", [{"prompt": "chat"}, {"prompt": True}, {"chat_template": "yes"}, {"labels": ("a",)}, {"task": " "}]
)
def test_options_that_cannot_be(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        EmotionPredict("random-tiny", **options)


def test_an_adapter_that_does_not_say_what_it_was_asked(model: Path, tmp_path: Path) -> None:
    adapter = write_classifier(tmp_path / "adapter", model)
    path = adapter / "provenance.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "labels": {"texts": ["a", 1]}}))
    with pytest.raises(ModelError, match="does not say what it was asked"):
        EmotionPredict(model, adapter=adapter)(columns("clip_a"))
    given = {"labels": ("a", "b"), "task": "x", "instruction": "y?", "prompt": "training", "chat_template": True}
    found = EmotionPredict(model, adapter=adapter, method="likelihood", **given)(columns("clip_a"))
    assert found["emollama_status"] == ["ok"]
