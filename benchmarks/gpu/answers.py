"""What the decoder answers: the recorded answers of the original in float32, and how fast pieces come."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.gpu.lines import Line, checked, measured
from benchmarks.gpu.parity import golden_model
from benchmarks.gpu.parts import prepared, stage_of
from benchmarks.gpu.settings import Settings
from benchmarks.gpu.tf32 import allowed
from benchmarks.peak import seconds_of
from benchmarks.products import Recording, recorder, seconds_alone

#: Of a label's probability, relative to the recorded one.
PROBABILITY_LIMIT = 2e-4
PIECES, TOGETHER = 20, (8, 16)


def recorded(settings: Settings) -> Iterator[Line]:
    """Ids, scores and label probabilities of tests/golden/outputs/generation."""
    import torch

    from tests.encoders import golden

    with torch.inference_mode(), allowed(products=False, convolutions=False):
        for case in json.loads((golden.ROOT / "outputs/generation/generation.json").read_text()):
            yield _compared(case, settings)


def answers(settings: Settings) -> Iterator[Line]:
    """20 pieces of an answer from the prompts' embeddings, as a whole and its products and attention calls alone.

    The default prompt of hidden states stands for the prompt of an answer, which `random-full` does not know.
    """
    import torch

    from emollama_hf.computing.model_cache import forget_models

    for dtype in settings.dtypes:
        forget_models()
        embed = stage_of("emollama_embed", settings, dtype=dtype)
        predict = stage_of("emotion_predict", settings, dtype=dtype, max_new_tokens=PIECES)
        name = embed.resolved_config()["dtype"]
        with torch.inference_mode():
            for clips in TOGETHER:
                yield _timed(predict, prepared(embed, clips), name, settings)


def _compared(case: dict[str, Any], settings: Settings) -> Line:
    from emollama_hf import EmotionPredict
    from emollama_hf.encoders.emotion_llama.answer_labels import EMOTION_LABELS, label_probabilities
    from tests.encoders import golden

    asked = golden.PROMPTS["instructions"][case["instruction"]]
    stage = EmotionPredict(
        golden_model(settings), task=asked["task"], instruction=asked["text"], max_new_tokens=case["max_new_tokens"],
        device=settings.device, dtype="float32",
    )  # fmt: skip
    facemae, videomae = golden.outputs(f"{case['clip']}/visual_tokens_fork")["video_features"][0]
    item = stage.prepare({"peak_frame": golden.peak_frame(case["clip"]), "facemae": facemae, "videomae": videomae})
    vocabulary = tuple(range(stage.source.config(stage.part)["text_config"]["vocab_size"]))
    with stage.computing() as network:
        (answer,) = stage.answers(network, [item], watched=vocabulary)
    tokenizer = stage.source.tokenizer(stage.part)
    ids = [one for one in case["sequences"][1:] if one != tokenizer.eos_id]
    same = answer.ids.tolist() == ids
    figures: dict[str, Any] = {"same_ids": same, "pieces": len(ids)}
    passed = same and answer.finished == (tokenizer.eos_id in case["sequences"])
    if same:
        scores = golden.outputs(f"generation/{case['id']}")["scores"][: len(ids)].astype(np.float64)
        wanted = scores - np.logaddexp.reduce(scores, axis=-1, keepdims=True)
        figures["of_limit"] = golden.ratio_to_limit(answer.log_probabilities, wanted, golden.DECODER_LIMIT)
        passed &= figures["of_limit"] <= 1
    if same and case["alignment_ok"]:
        labels = [tokenizer.encode(label) for label in EMOTION_LABELS]
        found = label_probabilities(answer.log_probabilities, dict(zip(vocabulary, vocabulary, strict=True)), labels)
        stored = np.array([case["probabilities"][label] for label in EMOTION_LABELS])
        allowed_by = PROBABILITY_LIMIT * stored + 1e-12
        figures["probabilities_of_limit"] = float((np.abs(found - stored) / allowed_by).max())
        passed &= figures["probabilities_of_limit"] <= 1
    return checked(f"{case['id']}, float32", passed, **figures)


def _timed(stage: Any, items: list[Any], dtype: str, settings: Settings) -> Line:
    from emollama_hf.encoders.emotion_llama.generation import generate

    with stage.computing() as network:
        prompts, language_model = stage.prompt_embeddings(network, items), stage.language_model(network)

        def run() -> list[Any]:
            return generate(language_model, prompts, max_new_tokens=PIECES, eos_id=2, pad_id=0, watched=range(3, 16))

        recording = Recording(part="answers")
        with recorder(recording):
            pieces = sum(len(answer.ids) for answer in run())
        times = seconds_of(run, settings.device, rounds=settings.rounds, warm_up=settings.warm_up)
        alone = [seconds_alone(recording.calls, settings.device)["answers"] for _ in range(settings.rounds)]
    seconds = sorted(times)[len(times) // 2]
    return measured(
        f"{len(items)} together, {dtype}",
        pieces=pieces,
        ms_a_clip=seconds / len(items) * 1e3,
        pieces_a_second=pieces / seconds,
        to_products_and_attention=seconds / sorted(alone)[len(alone) // 2],
    )
