"""Values of a recipe as they are typed."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from emollama_hf.command_options.finetune import finetune
from emollama_hf.commands.recipe_values import typed_recipe
from emollama_hf.training.recipe import OVERRIDES, chosen_recipe
from emollama_hf.training.training_error import TrainingError


def test_every_value_of_a_recipe_is_an_option() -> None:
    assert set(OVERRIDES) <= set(inspect.signature(finetune).parameters)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"epochs": None, "learning_rate": 1e-3}, {"learning_rate": 1e-3}),
        ({"chat_template": False}, {"chat_template": False}),
        ({"betas": "0.8, 0.99"}, {"betas": (0.8, 0.99)}),
        ({"clip_norm": 0.0}, {"clip_norm": None}),
        ({"class_weights": ["MW=1.6", "Non MW=.7"]}, {"class_weights": {"MW": 1.6, "Non MW": 0.7}}),
        ({"class_weights": ["balanced"]}, {"class_weights": "balanced"}),
        ({"class_weights": ["none"]}, {"class_weights": None}),
        ({"target_texts": ["MW=mind off", "Non=a=b"]}, {"target_texts": {"MW": "mind off", "Non": "a=b"}}),
    ],
)  # fmt: skip
def test_what_was_typed(given: dict[str, Any], found: dict[str, Any]) -> None:
    assert typed_recipe(given) == found
    chosen_recipe("corrected", found)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"betas": "0.8;x"}, "expected two numbers, such as 0.9,0.999"),
        ({"class_weights": ["MW"]}, "--class-weight MW: expected CLASS=VALUE"),
        ({"class_weights": ["MW=heavy"]}, "expected a number, such as MW=1.6"),
        ({"class_weights": ["MW=1", "MW=2"]}, "--class-weight MW is there twice"),
        ({"target_texts": ["=text"]}, "--target-text =text: expected CLASS=VALUE"),
    ],
)
def test_what_cannot_be_read(given: dict[str, Any], said: str) -> None:
    with pytest.raises(TrainingError, match=said):
        typed_recipe(given)
