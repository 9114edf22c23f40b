"""The original's training step: loss, every gradient, one step of its optimiser, and the loss after it.

The recorded arrays `after/NAME` hold the values before the step (every one equals the checkpoint's); what the step does
is taken from the recorded gradients, and pinned by the recorded loss after it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from emollama_hf.checkpoints import ModelSource
from emollama_hf.training.adapter_trainer import AdapterTrainer
from emollama_hf.training.base_model import base_model
from emollama_hf.training.recipe import Recipe, chosen_recipe
from emollama_hf.training.trainable import TrainableEmotionLlama
from tests.encoders.conftest import golden_directory, source
from tests.training import golden_step
from tests.training.golden_step import LIMIT, RECORDED, spread_ratio

__all__ = ["golden_directory", "source"]

CHAT = pytest.mark.parametrize("chat_template", [False, True])


def recipe(**overrides: object) -> Recipe:
    return chosen_recipe("as_published", {"lora_dropout": 0.0, "learning_rate": RECORDED["learning_rate"], **overrides})


def model_of(source: ModelSource, **overrides: object) -> TrainableEmotionLlama:
    values = recipe(**overrides)
    return base_model(source, values, lora="continue", layout="fork", dtype="float32", device="cpu", quantize=None)


@CHAT
def test_loss_and_gradients(source: ModelSource, chat_template: bool) -> None:
    old, model = golden_step.recorded(chat_template=chat_template), model_of(source)
    batch = golden_step.batch(source, chat_template=chat_template)
    model.train()
    loss = model(**batch)["loss"]
    assert abs(loss.item() - old["loss"]) < LIMIT * old["loss"]
    for row in range(3):
        alone = model(**{name: values[row : row + 1] for name, values in batch.items()})["loss"].item()
        assert abs(alone - old[f"loss_row_{row}"]) < LIMIT * old[f"loss_row_{row}"]
    loss.backward()
    trained = model.trained()
    assert {f"grad/{name}" for name in trained} == {name for name in old if name.startswith("grad/")}
    worst = {
        name: spread_ratio(one.grad.numpy(), old[f"grad/{name}"])
        for name, one in trained.items()
        if one.grad is not None
    }
    assert len(worst) == len(trained)
    assert max(worst.values()) < LIMIT, worst


@CHAT
def test_one_step_of_the_optimiser(source: ModelSource, chat_template: bool) -> None:
    old, model = golden_step.recorded(chat_template=chat_template), model_of(source)
    batch = golden_step.batch(source, chat_template=chat_template)
    before = model.trained_tensors()
    model.train()
    optimiser = _optimiser(model)
    model(**batch)["loss"].backward()
    optimiser.step()
    ratios = {}
    for name, tensor in model.trained_tensors().items():
        start, gradient = before[name].double().numpy(), old[f"grad/{name}"].astype(np.float64)
        decay = RECORDED["weight_decay"] if tensor.ndim > 1 else 0.0
        # AdamW's first step, from the recorded gradient: both averages are the gradient itself, once corrected.
        moved = gradient / (np.abs(gradient) + RECORDED["eps"])
        expected = start - RECORDED["learning_rate"] * (decay * start + moved)
        change = expected - start
        spread = max(float(change.std()), float(np.abs(change).mean()))  # a bias may move alike throughout
        ratios[name] = spread_ratio(tensor.numpy(), expected, spread)
    assert max(ratios.values()) < 1e-2, ratios
    loss = model(**batch)["loss"].item()
    assert abs(loss - old["loss_after_one_step"]) < LIMIT * old["loss_after_one_step"]


def test_exact_rotary_tables_are_another_training(source: ModelSource) -> None:
    """Why the tables are rounded while training: with exact ones a gradient is off by a hundred times the limit."""
    old, model = golden_step.recorded(chat_template=False), model_of(source)
    model.train()
    model.network.language_model.rotary_emb.eval()
    model(**golden_step.batch(source, chat_template=False))["loss"].backward()
    worst = max(
        spread_ratio(one.grad.numpy(), old[f"grad/{name}"])
        for name, one in model.trained().items()
        if one.grad is not None
    )
    assert worst > 50 * LIMIT


def test_factors_that_are_taken_out_of_merged_weights_leave_the_base(source: ModelSource) -> None:
    from safetensors.torch import load_file

    from tests.encoders import golden

    model, base = model_of(source), load_file(golden.LLAMA / "model.safetensors")
    for number, layer in enumerate(model.network.language_model.layers):
        found = layer.self_attn.q_proj.base_layer.weight
        assert (found - base[f"model.layers.{number}.self_attn.q_proj.weight"].float()).abs().max() < 1e-7


def _optimiser(model: TrainableEmotionLlama) -> torch.optim.Optimizer:
    trainer = object.__new__(AdapterTrainer)
    trainer.trainable, trainer.recipe, trainer.optimizer = model, recipe(), None
    return trainer.create_optimizer()


def test_what_decays(source: ModelSource, tmp_path: Path) -> None:
    groups = _optimiser(model_of(source)).param_groups
    assert [group["weight_decay"] for group in groups] == [RECORDED["weight_decay"], 0.0]
    assert {one.ndim for one in groups[0]["params"]} == {2}
    assert {one.ndim for one in groups[1]["params"]} == {1}
