"""What the decoder says, by the public stages: the original's answers, likelihoods, any question, a row's words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, Features
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf import ClipError, EmoLlamaEmbed, EmotionPredict, GenerateAnswer, ModelError, extract
from emollama_hf.encoders.emotion_llama.answer_labels import EMOTION_LABELS
from emollama_hf.encoders.emotion_llama.network import RECENT_BYTES
from emollama_hf.encoders.emotion_llama.prompt import SYMBOLS
from emollama_hf.stages.instruction_words import columns_named, worded
from tests.encoders import golden
from tests.encoders.golden import CLIPS, DECODER_LIMIT, assert_reproduced

CASES: list[dict[str, Any]] = json.loads((golden.ROOT / "outputs/generation/generation.json").read_text())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return golden.convert_golden(tmp_path_factory.mktemp("golden") / "model")


def columns(*clips: str) -> dict[str, Any]:
    """What the stages read of the recorded clips."""
    features = [golden.outputs(f"{clip}/visual_tokens_fork")["video_features"][0] for clip in clips]
    return {
        "peak_frame": [golden.peak_frame(clip) for clip in clips],
        "facemae": np.stack([one[0] for one in features]),
        "videomae": np.stack([one[1] for one in features]),
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_the_emotion_of_the_original(case: dict[str, Any], model: Path) -> None:
    asked = golden.PROMPTS["instructions"][case["instruction"]]
    predict = EmotionPredict(
        model,
        task=asked["task"],
        instruction=asked["text"],
        max_new_tokens=case["max_new_tokens"],
        fallback="neutral",
    )
    found = predict(columns(case["clip"]))
    assert found["emotion"] == [case["pred_emotion"]]
    if case["alignment_ok"]:
        assert found["emotion_answer"] == [case["raw_answer"]]
        wanted = [case["probabilities"][label] for label in EMOTION_LABELS]
        np.testing.assert_allclose(found["emotion_probs"][0], wanted, rtol=2e-4, atol=1e-12)
        np.testing.assert_allclose(found["emotion_confidence"][0], case["confidence"], rtol=2e-4)
        assert found["emotion_note"] == [None]
    else:
        assert found["emotion_probs"] == found["emotion_confidence"] == [None]
        assert "no label" in found["emotion_note"][0]


def test_without_a_fallback_nothing_is_made_up(model: Path) -> None:
    found = EmotionPredict(model)(columns("clip_c", "clip_a"))
    assert found["emotion"] == [None, "worried"]
    assert found["emotion_answer"][0] == "I think he is happy."


def test_likelihood_is_defined_for_every_clip_and_ranks_what_is_generated(model: Path) -> None:
    found = EmotionPredict(model, method="likelihood")(columns(*CLIPS))
    assert np.shape(found["emotion_probs"]) == (3, 9)
    np.testing.assert_allclose(np.sum(found["emotion_probs"], axis=1), 1, atol=1e-5)
    assert found["emotion"][1] == "sad"  # the whole answer, as recorded
    best = np.argmax(found["emotion_probs"], axis=1)
    assert found["emotion"] == [EMOTION_LABELS[one] for one in best]
    np.testing.assert_allclose(found["emotion_confidence"], np.max(found["emotion_probs"], axis=1))
    other = EmotionPredict(model, method="likelihood", likelihood="mean")(columns(*CLIPS))
    assert not np.allclose(other["emotion_probs"], found["emotion_probs"])


def test_labels_of_any_language(model: Path) -> None:
    labels = ("müde", "hellwach", "困惑")
    found = EmotionPredict(model, method="likelihood", labels=labels)(columns("clip_a"))
    assert found["emotion"][0] in labels
    assert len(found["emotion_probs"][0]) == 3


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["sad"], "two or more"),
        (["sad", " Sad "], "same but for case"),
        (["sad", ""], "not empty"),
        ("sad", "several"),
        (["sad", "</s>"], "symbol"),
        (3, "several"),
    ],
)
def test_labels_that_are_no_choice(labels: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        EmotionPredict("random-tiny", labels=labels)


def test_a_label_that_begins_another_has_no_likelihood_of_its_own(model: Path) -> None:
    with pytest.raises(ModelError, match="begin those of"):
        EmotionPredict(model, method="likelihood", labels=["sad", "sad story"])(columns("clip_a"))


def test_rows_of_a_batch_are_those_of_single_calls(model: Path) -> None:
    both = columns("clip_a", "clip_b")
    for stage in (EmotionPredict(model, batch_size=2), GenerateAnswer(model, batch_size=2, max_new_tokens=8)):
        together = stage(both)
        for row in range(2):
            alone = stage({name: values[row : row + 1] for name, values in both.items()})
            for name in together:
                one, other = together[name][row], alone[name][0]
                if isinstance(one, np.ndarray | np.floating | float):
                    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-9)
                else:
                    assert one == other


def test_any_question(model: Path) -> None:
    found = GenerateAnswer(model, max_new_tokens=5)(columns("clip_a"))
    assert isinstance(found["answer"][0], str)
    assert found["answer_finished"] == [False]
    assert GenerateAnswer("random-tiny").config.task == "reason"


def test_drawn_answers_depend_on_the_seed_and_the_clip_and_not_on_the_batch(model: Path) -> None:
    def drawn(*clips: str, seed: int = 0, batch_size: int = 2) -> list[str]:
        stage = GenerateAnswer(model, temperature=1.5, seed=seed, max_new_tokens=8, batch_size=batch_size)
        return list(stage(columns(*clips))["answer"])

    assert drawn("clip_a", "clip_b") == drawn("clip_b", "clip_a", batch_size=1)[::-1]
    assert drawn("clip_a") != drawn("clip_a", seed=1)
    one, other = GenerateAnswer("random-tiny", temperature=1.0), GenerateAnswer("random-tiny", temperature=1.0, seed=1)
    assert one.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    "options",
    [{"max_new_tokens": 0}, {"temperature": -1}, {"temperature": True}, {"top_p": 0}, {"seed": 1}, {"top_p": 0.5}],
)
def test_options_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        GenerateAnswer("random-tiny", **options)


def test_an_answer_that_is_longer_than_the_decoder_reads(model: Path) -> None:
    with pytest.raises(ModelError, match="trained for"):
        GenerateAnswer(model, max_new_tokens=5000)(columns("clip_a"))


def test_eva_is_computed_once_for_states_and_emotion(model: Path) -> None:
    embed, predict = EmoLlamaEmbed(model, pooling="mean"), EmotionPredict(model)
    rows = columns("clip_a", "clip_b")
    calls = []
    hook = embed.model().vision_model.encoder.register_forward_hook(lambda *_: calls.append(1))
    try:
        embed(rows)
        first = len(calls)
        predict(rows)
    finally:
        hook.remove()
    assert len(calls) == first


def test_a_network_that_is_told_to_remembers_nothing(model: Path) -> None:
    embed = EmoLlamaEmbed(model, pooling="mean", dtype="float32", batch_size=2)
    rows, calls = columns("clip_a", "clip_b"), []
    hook = embed.model().vision_model.encoder.register_forward_hook(lambda *_: calls.append(1))
    embed.model().remember(0)
    try:
        first, again = embed(rows), embed(rows)
    finally:
        hook.remove()
        embed.model().remember(RECENT_BYTES)
    assert len(calls) == 2
    np.testing.assert_array_equal(first["emollama"], again["emollama"])


def test_layers_in_one_pass(model: Path) -> None:
    recorded = golden.outputs("clip_a/llm_fork_emotion")
    rows = columns("clip_a")
    embed = EmoLlamaEmbed(model, layers=(0, 1, 2, -1), store_dtype="float32")
    states = embed(rows)["emollama"]
    assert embed.features["emollama"].shape == states.shape[1:]
    for found, wanted in zip(states[0], recorded["hidden_states_all"], strict=True):
        assert_reproduced(found, wanted, DECODER_LIMIT)
    pooled = EmoLlamaEmbed(model, layers=(2, -1), pooling="mean", store_dtype="float32")(rows)["emollama"]
    np.testing.assert_allclose(pooled[0], states[0, [2, 3]].mean(axis=1), atol=1e-5)
    last = EmoLlamaEmbed(model, layers=(-1,), store_dtype="float32")(rows)["emollama"]
    np.testing.assert_array_equal(last[0, 0], EmoLlamaEmbed(model, store_dtype="float32")(rows)["emollama"][0])


def test_layers_that_a_decoder_does_not_have(model: Path) -> None:
    with pytest.raises(ValueError, match="to 3,"):
        EmoLlamaEmbed(model, layers=(4,)).features  # noqa: B018
    for layers in ((), (1, 1), (-2,)):
        with pytest.raises(ValueError, match="layers"):
            EmoLlamaEmbed("random-tiny", layers=layers)


def test_a_row_has_words_of_its_own(model: Path) -> None:
    """Two prompts of different lengths in one batch, as recorded from the original."""
    recorded = golden.outputs("batch_fork")
    texts = [golden.PROMPTS["instructions"][name]["text"] for name in recorded["instructions"]]
    rows = {**columns(*recorded["clips"]), "question": texts}
    embed = EmoLlamaEmbed(model, instruction="{question}", store_dtype="float32", batch_size=2)
    for found, wanted, length in zip(
        embed(rows)["emollama"], recorded["last_hidden_state"], recorded["lengths"], strict=True
    ):
        assert_reproduced(found, wanted[:length], DECODER_LIMIT)
    pooled = EmoLlamaEmbed(model, instruction="{question}", pooling="mean", batch_size=2)(rows)["emollama"]
    assert np.shape(pooled) == (2, 96)


def test_a_free_side_is_stored_and_read(model: Path, tmp_path: Path) -> None:
    rows = {name: list(map(np.asarray, values)) for name, values in columns("clip_a", "clip_b").items()}
    ds = Dataset.from_dict({**rows, "transcript": ["Yes.", "I do not know what to say about it."]})
    ds = extract(ds, model, out=tmp_path / "out", instruction="She says: {transcript} How does she feel?")
    lengths = [len(row) for row in ds.with_format("numpy")["emollama"]]
    assert lengths[0] < lengths[1]
    stored = Dataset.from_parquet(
        [str(one) for one in sorted((tmp_path / "out").rglob("*.parquet")) if ".cache" not in one.parts]
    )
    assert [len(row) for row in stored["emollama"]] == lengths


@pytest.mark.parametrize("value", [None, "", "  ", "a </s> b", "<VideoHere>", ["list"]])
def test_words_that_cannot_be_asked(value: Any, model: Path) -> None:
    rows = {**columns("clip_a"), "transcript": [value]}
    found = EmotionPredict(model, instruction="{transcript}?", on_error="null")(rows)
    assert found["emollama_status"] == ["bad_text"]


def test_braces_that_are_no_column(model: Path) -> None:
    ds = Dataset.from_dict({"video": ["a.mp4"], "said": ["x"]})
    with pytest.raises(ValueError, match=r"\{transcript\}"):
        extract(ds, model, instruction="{transcript}")
    for wrong in ("{", "}", "{}", "{a!r}", "{a:3}", "{ }"):
        with pytest.raises(ValueError, match="instruction"):
            EmoLlamaEmbed("random-tiny", instruction=wrong)


@given(st.text(), st.text(min_size=1).filter(str.strip))
def test_words_stand_where_their_column_is_named(around: str, value: str) -> None:
    escaped = around.replace("{", "{{").replace("}", "}}")
    instruction = f"{escaped}{{said}}{escaped}"
    assert columns_named(instruction) == ("said",)
    asked = f"{around}{value}{around}"
    if any(asked.count(symbol) > 2 * around.count(symbol) for symbol in SYMBOLS):
        with pytest.raises(ClipError, match="symbol"):
            worded(instruction, {"said": value})
    else:
        assert worded(instruction, {"said": value}) == asked


def test_map_stores_what_is_declared(model: Path) -> None:
    rows = columns("clip_a", "clip_c")
    ds = Dataset.from_dict({name: list(map(np.asarray, values)) for name, values in rows.items()})
    predict = EmotionPredict(model)
    done = ds.map(predict, batched=True, features=Features({**ds.features, **predict.features}))
    assert done["emotion"] == ["worried", None]
    assert done[1]["emotion_probs"] is None


def test_a_model_directory_without_a_head(model: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    directory = tmp_path / "model"
    shutil.copytree(model, directory)
    (path,) = (directory / "emotion_llama").glob("model*.safetensors")
    tensors = load_file(path)
    del tensors["lm_head.weight"]
    save_file(tensors, path)
    assert EmoLlamaEmbed(directory, pooling="mean")(columns("clip_a"))["emollama"].shape == (1, 96)
    with pytest.raises(ModelError, match=r"has no lm_head\.weight.*convert again"):
        EmotionPredict(directory)(columns("clip_a"))


def test_a_whole_number_is_the_temperature_that_it_is() -> None:
    one, other = GenerateAnswer("random-tiny", temperature=1), GenerateAnswer("random-tiny", temperature=1.0)
    assert one.fingerprint == other.fingerprint


def test_words_that_do_not_fit_fail_their_row_alone(model: Path) -> None:
    rows = {**columns("clip_a", "clip_b"), "said": ["word " * 3000, "Yes."]}
    for stage in (GenerateAnswer, EmotionPredict, EmoLlamaEmbed):
        found = stage(model, instruction="{said}", on_error="null")(rows)
        assert found["emollama_status"] == ["bad_text", "ok"]
    short = {**columns("clip_a", "clip_b"), "said": ["a", "word " * 30]}
    length = len(EmoLlamaEmbed(model, instruction="{said}")(short)["emollama"][0])
    embed = EmoLlamaEmbed(model, instruction="{said}", pooling=f"{length - 1}:{length + 5}", on_error="null")
    assert embed(short)["emollama_status"] == ["bad_text", "ok"]
    with pytest.raises(ModelError, match="trained for"):
        EmoLlamaEmbed(model, instruction="word " * 3000)(columns("clip_a"))


def test_a_column_that_is_not_there_or_holds_class_labels(model: Path) -> None:
    found = EmotionPredict(model, instruction="{nope}", on_error="null")(columns("clip_a"))
    assert found["emollama_status"] == ["missing_column"]
    rows = {name: list(map(np.asarray, values)) for name, values in columns("clip_a").items()}
    ds = Dataset.from_dict({**rows, "said": ["sad"]}).class_encode_column("said")
    with pytest.raises(ValueError, match="class labels"):
        extract(ds, model, instruction="{said}")
    with pytest.raises(ValueError, match="no words"):
        EmoLlamaEmbed("random-tiny", instruction="{video}")


def test_a_symbol_between_instruction_and_words(model: Path) -> None:
    rows = {**columns("clip_a"), "said": ["s>"]}
    found = EmotionPredict(model, instruction="</{said}", on_error="null")(rows)
    assert found["emollama_status"] == ["bad_text"]


def test_a_likelihood_needs_no_room_for_an_answer(model: Path) -> None:
    predict = EmotionPredict(model, method="likelihood", max_new_tokens=5000)
    assert predict(columns("clip_a"))["emollama_status"] == ["ok"]
    with pytest.raises(ValueError, match="no effect"):
        EmotionPredict(model, method="likelihood", fallback="neutral")


def test_layers_of_the_decoder_are_not_those_of_the_encoder_of_sound() -> None:
    ds = Dataset.from_dict({"video": ["a.mp4"]})
    with pytest.raises(ValueError, match=r"hubert_embed and emollama_embed\. Extract in two runs"):
        extract(ds, "random-tiny", layout="upstream", layers=(1, -1))
