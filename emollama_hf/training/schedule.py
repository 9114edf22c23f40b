"""The learning rate over a training: a warm-up, then constant, linear or cosine."""

from __future__ import annotations

import math

from emollama_hf.training.recipe import Recipe


def rate_factor(step: int, steps: int, recipe: Recipe) -> float:
    """Share of the recipe's learning rate that an optimiser step has, 0..1.

    The first step of a warm-up already moves: a training of one step has the whole rate.

    Args:
        step: from 0.
        steps: of the whole training.
        recipe: its warmup and schedule.

    Example:
        >>> rate_factor(0, 1, Recipe(warmup=0.05))
        1.0
    """
    rising = int(recipe.warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    done = min(1.0, (step - rising) / max(1, steps - rising))
    if recipe.schedule == "linear":
        return 1.0 - done
    if recipe.schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * done))
    return 1.0
