"""Out of GPU memory while training, as one error with what helps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from emollama_hf.training.recipe import Recipe
from emollama_hf.training.training_error import TrainingError


@contextmanager
def gpu_memory_errors(recipe: Recipe, title: str) -> Iterator[None]:
    """While a model is loaded, trained or scored.

    Raises:
        TrainingError: the GPU is out of memory.
    """
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        helps = ["keep the frozen decoder in 4 bits (quantize='4bit')"]
        if recipe.batch_size > 1:
            helps.insert(0, "halve batch_size and double accumulation, which gives the same steps")
        if not recipe.gradient_checkpointing:
            helps.insert(0, "set gradient_checkpointing")
        raise TrainingError(
            f"{title}: the GPU is out of memory with batch_size={recipe.batch_size}. What was saved is kept, and the "
            f"same call goes on from it. To need less, {', or '.join(helps)}; with other options, in another folder."
        ) from error
