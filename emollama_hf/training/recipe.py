"""The two recipes of training: the published one to its numbers, and one that can work. Each value is an option."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from emollama_hf.encoders.adaptation import MOST_ALPHA
from emollama_hf.text.near_names import near_names
from emollama_hf.training.training_error import TrainingError

RecipeName = Literal["corrected", "as_published"]
#: Weight of a class by its name, or weights in the order of the classes; "balanced": rows / (classes x rows of the
#: class); None: 1.
ClassWeights = Mapping[str, float] | Sequence[float] | Literal["balanced"] | None
#: Answer that is trained for each class, by the class's name, or in the order of the classes; None: the labels' words.
TargetTexts = Mapping[str, str] | Sequence[str] | None
TRAINING_DTYPES = ("auto", "float32", "bfloat16", "float16")
SCHEDULES = ("constant", "linear", "cosine")
EPOCH_CHOICES = ("inner", "test", "last")

#: Known faults of the published recipe, which is kept for comparison.
FAULTS = (
    "the trained answers (mw, nonmw) are not the scored ones (mind wandering, non-mind wandering): a model that "
    "answers as it was trained has F1 0",
    "class weights cancel in a batch of one class, since the loss is divided by the sum of the weights; at a batch of "
    "two that is frequent",
    "the best epoch is chosen by the loss of the fold that is reported",
    "class weights are computed from all labels, those of the reported fold among them",
    "training begins a sequence with BOS, scoring does not",
)


def _check_choice(option: str, value: object, valid: tuple[object, ...]) -> None:
    if value not in valid:
        raise TrainingError(f"{option}={value!r} is unknown. Valid: {', '.join(map(str, valid))}.")


def _check_whole(option: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**31:
        raise TrainingError(f"{option}={value!r}: expected a whole number of at least {least}.")


def _check_number(option: str, value: object, least: float, most: float) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not least <= float(value) <= most:  # type: ignore[arg-type]
        raise TrainingError(f"{option}={value!r}: expected a number from {least:g} to {most:g}.")


@dataclass(frozen=True)
class Recipe:
    """How Emotion-LLaMA is trained, and how its answers are scored.

    Attributes:
        name: "corrected" or "as_published"; decides the loss's divisor, which labels class weights are counted from,
            whether an incomplete batch is left out, and the scoring.
        learning_rate: of AdamW, at the end of the warm-up.
        epochs: passes over the training part.
        max_steps: optimiser steps, in place of epochs; None for as many as the epochs have.
        batch_size: clips that one device computes together.
        accumulation: batches of one optimiser step.
        warmup: share of the steps in which the learning rate rises.
        schedule: "constant", "linear" (to 0) or "cosine", after the warm-up.
        weight_decay: of weights with two axes or more; never of biases and norms.
        betas, eps: of AdamW; clipping scales gradients down, and eps stays far below them.
        clip_norm: gradients of a longer norm are scaled to it; None for no clipping.
        lora_rank: of a new LoRA; a published one keeps its own.
        lora_alpha: of a new LoRA; its scale is alpha / rank.
        lora_dropout: share of a LoRA's inputs that are dropped while training.
        class_weights: see `ClassWeights`.
        target_texts: see `TargetTexts`.
        chat_template: whether the prompt stands between [INST] and [/INST].
        dtype: of the frozen decoder's products: "float32", "bfloat16", "float16", or "auto": the recipe's on CUDA,
            float32 on a CPU. What is trained is float32.
        gradient_checkpointing: recompute each block's inner values, for a fifth of the memory and a third more time.
        epoch_chosen_by: by whose loss the best epoch is chosen: "inner", rows of the training part that are not trained
            on, by group; "test", the rows that are reported, as published; "last" takes the last epoch, and trains on
            the whole training part.
        save_steps: optimiser steps between two states from which a killed run goes on.
        seed: of the order of clips, of dropout and of new factors.
    """

    name: RecipeName = "corrected"
    learning_rate: float = 1e-4
    epochs: int = 5
    max_steps: int | None = None
    batch_size: int = 4
    accumulation: int = 4
    warmup: float = 0.05
    schedule: str = "cosine"
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-12
    clip_norm: float | None = 1.0
    lora_rank: int = 64
    lora_alpha: float = 16.0
    lora_dropout: float = 0.05
    class_weights: ClassWeights = "balanced"
    target_texts: TargetTexts = None
    chat_template: bool = True
    dtype: str = "auto"
    gradient_checkpointing: bool = True
    epoch_chosen_by: str = "inner"
    save_steps: int = 100
    seed: int = 42

    def __post_init__(self) -> None:
        _check_choice("recipe", self.name, ("corrected", "as_published"))
        _check_choice("dtype", self.dtype, TRAINING_DTYPES)
        _check_choice("schedule", self.schedule, SCHEDULES)
        _check_choice("epoch_chosen_by", self.epoch_chosen_by, EPOCH_CHOICES)
        for name in ("epochs", "batch_size", "accumulation", "lora_rank", "save_steps"):
            _check_whole(name, getattr(self, name), 1)
        _check_whole("seed", self.seed, 0)
        if self.max_steps is not None:
            _check_whole("max_steps", self.max_steps, 1)
        for name, least, most in (
            ("learning_rate", 0.0, 1.0),
            ("weight_decay", 0.0, 10.0),
            ("warmup", 0.0, 1.0),
            ("lora_dropout", 0.0, 0.9),
            ("lora_alpha", 1e-6, MOST_ALPHA),
            ("eps", 0.0, 1.0),
        ):
            _check_number(name, getattr(self, name), least, most)
        if self.clip_norm is not None:
            _check_number("clip_norm", self.clip_norm, 0.0, math.inf)
        if not isinstance(self.betas, list | tuple) or len(self.betas) != 2:
            raise TrainingError(f"betas={self.betas!r}: expected two numbers, such as (0.9, 0.999).")
        for beta in self.betas:
            _check_number("betas", beta, 0.0, 0.999999)
        object.__setattr__(self, "betas", tuple(float(beta) for beta in self.betas))

    @property
    def weights_from_all(self) -> bool:
        """Whether class weights are computed from all labels and not from the training part's."""
        return self.name == "as_published"

    @property
    def divides_by_weights(self) -> bool:
        """Whether a batch's loss is divided by its sum of weights and not by its number of clips."""
        return self.name == "as_published"

    @property
    def drops_last(self) -> bool:
        """Whether an incomplete batch at the end of an epoch is left out."""
        return self.name == "as_published"


RECIPES: dict[str, Recipe] = {
    "corrected": Recipe(),
    "as_published": Recipe(
        name="as_published",
        learning_rate=1e-6,
        epochs=50,
        batch_size=2,
        accumulation=1,
        warmup=0.0,
        schedule="constant",
        eps=1e-8,
        clip_norm=None,
        epoch_chosen_by="test",
    ),
}
OVERRIDES = tuple(field.name for field in fields(Recipe) if field.name != "name")


def chosen_recipe(name: str, overrides: Mapping[str, Any]) -> Recipe:
    """A recipe with some of its values replaced.

    Args:
        name: "corrected" or "as_published".
        overrides: values by the names of `Recipe`'s attributes.

    Raises:
        TrainingError: an unknown recipe or option, or a value that is out of bounds.

    Example:
        >>> chosen_recipe("as_published", {"epochs": 3}).learning_rate
        1e-06
    """
    _check_choice("recipe", name, tuple(RECIPES))
    for option in overrides:
        if option not in OVERRIDES:
            near = near_names(option, OVERRIDES)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"Options of a recipe: {', '.join(OVERRIDES)}."
            raise TrainingError(f"{option}={overrides[option]!r}: finetune has no such option. {hint}")
    return replace(RECIPES[name], **overrides)
