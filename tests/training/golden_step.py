"""The recorded training step of the original, and what it takes to repeat it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch

from emollama_hf.checkpoints import ModelSource
from emollama_hf.training.clips import Clip, Collate
from emollama_hf.training.prompting import PART, Prompting, prompting
from tests.encoders import golden

RECORDED: dict[str, Any] = json.loads((golden.ROOT / "outputs" / "training" / "training.json").read_text())
#: Largest difference, relative to the recorded array's spread.
LIMIT = 1e-4
NAMES = {False: "classification", True: "classification_chat_template"}
ANSWERS = ("mw", "nonmw")


def recorded(*, chat_template: bool) -> dict[str, np.ndarray]:
    """Loss, gradients and tensors after the step."""
    return golden.outputs(f"training/{NAMES[chat_template]}")


def asked(source: ModelSource, *, chat_template: bool) -> Prompting:
    """The recorded prompt, with its two answers."""
    before, instruction = RECORDED["instruction"].rstrip().split("] ", 1)
    return prompting(
        source, task=before.split("[")[1], instruction=instruction, chat_template=chat_template, layout="fork",
        texts=ANSWERS,
    )  # fmt: skip


def clips(source: ModelSource) -> list[Clip]:
    """The three clips, with image tokens that are computed here."""
    network = source.load(PART)
    found = []
    for name, answer in zip(RECORDED["clips"], RECORDED["answers"], strict=True):
        with torch.inference_mode():
            pixels = network.pixels(golden.peak_frame(name))[None]
            tokens = network.ln_vision(network.image_tokens(pixels))[0]
        vectors = golden.outputs(f"{name}/visual_tokens_fork")["video_features"][0]
        found.append(Clip(tokens.clone(), torch.from_numpy(vectors), ANSWERS.index(answer)))
    return found


def batch(source: ModelSource, *, chat_template: bool) -> dict[str, torch.Tensor]:
    """The three clips together, with the recorded weights."""
    ask, three = asked(source, chat_template=chat_template), clips(source)
    return Collate(ask.opened, ask.answers, class_weights(), ask.pad_id)(three)


def class_weights() -> np.ndarray:
    """(2,) of the two answers."""
    of_answer = dict(zip(RECORDED["answers"], RECORDED["class_weights"], strict=True))
    return np.array([of_answer[answer] for answer in ANSWERS])


def spread_ratio(new: np.ndarray, old: np.ndarray, spread: float | None = None) -> float:
    """Largest difference relative to the spread of the recorded array."""
    return float(np.abs(new - old).max() / (old.std() if spread is None else spread))
