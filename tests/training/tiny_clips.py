"""Clips of random-tiny's sizes with what a training has stored of them, without any video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from emollama_hf.checkpoints import open_model
from emollama_hf.encoders.emotion_llama.config_json import feature_size, image_width, patches
from emollama_hf.training.base_model import base_model
from emollama_hf.training.clips import Clips, Collate
from emollama_hf.training.fold_training import Training, train
from emollama_hf.training.prompting import Prompting, prompting
from emollama_hf.training.recipe import Recipe, chosen_recipe
from emollama_hf.training.trainable import TrainableEmotionLlama

#: Values with which random-tiny learns eight clips in seconds.
QUICK = {"learning_rate": 1e-2, "batch_size": 4, "accumulation": 1, "lora_rank": 4, "gradient_checkpointing": False}


class Stored:
    """Image tokens and vectors of some clips, drawn: no two are alike."""

    def __init__(self, clips: int, seed: int = 0) -> None:
        config = open_model("random-tiny").config("emotion_llama")
        rng = np.random.default_rng(seed)
        self.features = rng.normal(size=(clips, 2, feature_size(config))).astype(np.float32)
        self._tokens = rng.normal(size=(clips, 1 + patches(config), image_width(config))).astype(np.float32)

    def tokens(self, row: int) -> np.ndarray:
        return self._tokens[row].copy()


def asked(texts: tuple[str, ...] = ("mw", "ok"), *, chat_template: bool = True) -> Prompting:
    """A prompt of random-tiny with these answers."""
    return prompting(
        open_model("random-tiny"), task="classification", instruction="Is it one or the other?",
        chat_template=chat_template, layout="fork", texts=texts,
    )  # fmt: skip


def quick(**overrides: Any) -> Recipe:
    return chosen_recipe("corrected", {**QUICK, **overrides})


def fresh(recipe: Recipe) -> TrainableEmotionLlama:
    """random-tiny with a new LoRA."""
    return base_model(
        open_model("random-tiny"), recipe, lora="new", layout="fork", dtype="float32", device="cpu", quantize=None
    )


def trained(
    recipe: Recipe,
    folder: Path,
    *,
    clips: int = 8,
    choosing: bool = True,
    chosen_by: int = 0,
    dtype: str = "float32",
    texts: tuple[str, ...] = ("mw", "ok"),
    **options: Any,
) -> tuple[TrainableEmotionLlama, Training, Clips]:
    """A model that was trained on some clips, every other one of the second class.

    chosen_by: 0 for the same clips, 1 for the same with their labels exchanged.
    """
    model, ask = fresh(recipe), asked(texts)
    ds, rows = Stored(clips), np.arange(clips)
    of_clips = Clips(ds, rows, rows % 2)
    choose = Clips(ds, rows, (rows + chosen_by) % 2)
    collate = Collate(ask.opened, ask.answers, np.ones(2), ask.pad_id)
    done = train(
        model, of_clips, choose if choosing else None, collate, collate, recipe, folder=folder, title="fold 0",
        dtype=dtype, device="cpu", **options,
    )  # fmt: skip
    return model, done, of_clips
