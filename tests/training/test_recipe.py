"""Recipes: the published values, what may be replaced, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.training.recipe import OVERRIDES, RECIPES, Recipe, chosen_recipe
from emollama_hf.training.schedule import rate_factor
from emollama_hf.training.training_error import TrainingError


def test_the_published_recipe_has_the_published_values() -> None:
    recipe = RECIPES["as_published"]
    assert (recipe.learning_rate, recipe.schedule, recipe.warmup, recipe.clip_norm) == (1e-6, "constant", 0.0, None)
    assert (recipe.batch_size, recipe.accumulation, recipe.epochs, recipe.seed) == (2, 1, 50, 42)
    assert (recipe.betas, recipe.weight_decay) == ((0.9, 0.999), 0.05)
    assert (recipe.lora_rank, recipe.lora_alpha, recipe.lora_dropout, recipe.chat_template) == (64, 16.0, 0.05, True)
    assert _faulty(recipe) == [True] * 4


def test_the_corrected_recipe_shares_none_of_the_faults() -> None:
    assert _faulty(RECIPES["corrected"]) == [False] * 4


def _faulty(recipe: Recipe) -> list[bool]:
    return [recipe.epoch_chosen_by == "test", recipe.weights_from_all, recipe.divides_by_weights, recipe.drops_last]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"learning_rat": 1}, "Did you mean learning_rate"),
        ({"name": "corrected"}, "no such option"),
        ({"epochs": 0}, "epochs=0"),
        ({"epochs": True}, "epochs=True"),
        ({"batch_size": 2.0}, "batch_size=2.0"),
        ({"learning_rate": -1e-4}, "learning_rate=-0.0001"),
        ({"learning_rate": float("nan")}, "learning_rate=nan"),
        ({"learning_rate": "1e-4"}, "learning_rate='1e-4'"),
        ({"lora_dropout": 1.0}, "lora_dropout=1.0"),
        ({"betas": (0.9,)}, "betas="),
        ({"betas": (0.9, 1.0)}, "betas=1.0"),
        ({"dtype": "float16-mixed"}, "dtype='float16-mixed' is unknown"),
        ({"epoch_chosen_by": "train"}, "epoch_chosen_by='train' is unknown"),
        ({"schedule": "step"}, "schedule='step' is unknown"),
        ({"max_steps": 0}, "max_steps=0"),
        ({"lora_alpha": 0.0}, "lora_alpha=0.0"),  # a LoRA without effect, which no adapter directory takes
    ],
)
def test_values_out_of_bounds_are_refused(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        chosen_recipe("corrected", overrides)


def test_an_unknown_recipe_lists_the_known_ones() -> None:
    with pytest.raises(TrainingError, match="'published' is unknown"):
        chosen_recipe("published", {})


def test_every_value_is_an_option() -> None:
    for name in RECIPES:
        values = {option: getattr(RECIPES[name], option) for option in OVERRIDES}
        assert chosen_recipe(name, values) == RECIPES[name]


@given(
    steps=st.integers(1, 400),
    warmup=st.floats(0, 1),
    schedule=st.sampled_from(["constant", "linear", "cosine"]),
)
def test_every_step_moves_and_the_rate_rises_then_falls(steps: int, warmup: float, schedule: str) -> None:
    recipe = Recipe(warmup=warmup, schedule=schedule)
    factors = [rate_factor(step, steps, recipe) for step in range(steps)]
    rising = int(warmup * steps)
    assert all(0 < factor <= 1 for factor in factors)
    assert factors[:rising] == sorted(factors[:rising])
    assert factors[rising:] == sorted(factors[rising:], reverse=True)
    if rising < steps:
        assert factors[rising] == 1.0
