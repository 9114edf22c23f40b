"""Predicted memory of a training: its weights and what autograd keeps are those of the network, and laws that hold."""

from __future__ import annotations

import dataclasses
import logging
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emollama_hf.checkpoints import open_model
from emollama_hf.checkpoints.random_model import RandomSource
from emollama_hf.computing import model_cache
from emollama_hf.computing.available_memory import Memory
from emollama_hf.encoders.config_checks import Config
from emollama_hf.training import training_memory_check
from emollama_hf.training.base_model import base_model
from emollama_hf.training.clips import Clips, Collate
from emollama_hf.training.recipe import Recipe, chosen_recipe
from emollama_hf.training.trainable import TrainableEmotionLlama
from emollama_hf.training.training_error import TrainingError
from emollama_hf.training.training_memory import (
    PART,
    TrainingPlan,
    frozen_bytes,
    kept_of_token,
    predict_training,
    trained_values,
)
from emollama_hf.training.training_memory_check import does_not_fit, say
from tests.training.test_finetune import finetune, people
from tests.training.tiny_clips import Stored, asked

FULL = open_model("random-full")
GB = 10**9
#: Of the published prompt, nearly.
PLAN = TrainingPlan(Recipe(), 64, "fork", 346, 6, "cuda", "bfloat16")


class Sized(RandomSource):
    """`random-tiny` with other sizes of its decoder."""

    def __init__(self, layers: int, **sizes: int) -> None:
        super().__init__("random-tiny")
        self._sizes = {"num_hidden_layers": layers, **sizes}

    def config(self, part: str) -> Config:
        config = super().config(part)
        if part == PART:
            config["text_config"].update(self._sizes)
        return config


def model_of(source: RandomSource, plan: TrainingPlan) -> TrainableEmotionLlama:
    recipe = dataclasses.replace(plan.recipe, lora_rank=plan.rank)
    return base_model(
        source, recipe, lora="new", layout=plan.layout, dtype=plan.dtype, device="cpu", quantize=plan.quantize
    )


def kept_by_autograd(model: TrainableEmotionLlama, dtype: str, clips: int) -> tuple[int, int]:
    """(bytes, tokens): what the forward pass of a batch keeps for the backward pass, beside parameters."""
    prompt = asked()
    rows = Clips(Stored(clips), np.arange(clips), np.arange(clips) % 2)
    collate = Collate(prompt.opened, prompt.answers, np.ones(2), prompt.pad_id)
    batch = collate([rows[index] for index in range(clips)])
    own = {one.untyped_storage().data_ptr() for one in model.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if (storage := tensor.untyped_storage()).data_ptr() not in own:
            kept[storage.data_ptr()] = tensor  # alive, so that no other gets its address
        return tensor

    half = torch.autocast("cpu", getattr(torch, dtype)) if dtype != "float32" else nullcontext()
    with half, torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model.train()(**batch)
    return sum(one.untyped_storage().nbytes() for one in kept.values()), batch["input_ids"].numel()


@pytest.mark.parametrize("quantize", [None, "8bit", "4bit"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("layout", ["fork", "upstream"])
def test_weights_are_counted_to_the_byte(layout: str, dtype: Any, quantize: Any) -> None:
    source = open_model("random-tiny")
    plan = dataclasses.replace(PLAN, rank=4, layout=layout, device="cpu", dtype=dtype, quantize=quantize)
    model = model_of(source, plan)  # type: ignore[arg-type]
    trained = [one for one in model.parameters() if one.requires_grad]
    assert trained_values(source.config(PART), 4, layout) == sum(one.numel() for one in trained)
    frozen = [one for one in model.parameters() if not one.requires_grad]
    if quantize is None:
        assert frozen_bytes(source.config(PART), plan) == sum(one.numel() * one.element_size() for one in frozen)
    else:
        whole = dataclasses.replace(plan, quantize=None)
        assert frozen_bytes(source.config(PART), plan) < frozen_bytes(source.config(PART), whole)


@pytest.mark.parametrize("dropout", [0.0, 0.05])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_block_keeps_what_is_predicted(dtype: Any, dropout: float) -> None:
    """Two more layers keep two blocks' values: within a tenth, since the tiny network's heads and ranks count, too."""
    recipe = chosen_recipe("corrected", {"lora_dropout": dropout, "gradient_checkpointing": False})
    plan = dataclasses.replace(PLAN, recipe=recipe, rank=2, device="cpu", dtype=dtype)
    sizes = {"hidden_size": 96, "intermediate_size": 256}
    few, _ = kept_by_autograd(model_of(Sized(2, **sizes), plan), dtype, 2)
    more, tokens = kept_by_autograd(model_of(Sized(4, **sizes), plan), dtype, 2)
    expected = kept_of_token(Sized(2, **sizes).config(PART), plan)
    assert expected <= (more - few) / 2 / tokens < 1.1 * expected


def test_with_checkpointing_a_block_keeps_its_input_alone() -> None:
    plan = dataclasses.replace(PLAN, rank=2, device="cpu", dtype="float32")
    few, _ = kept_by_autograd(model_of(Sized(2), plan), "float32", 2)
    more, tokens = kept_by_autograd(model_of(Sized(4), plan), "float32", 2)
    assert (more - few) / 2 / tokens == 4 * Sized(2).config(PART)["text_config"]["hidden_size"]


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 8),
    accumulation=st.integers(1, 8),
    rank=st.sampled_from([8, 64]),
    dropout=st.sampled_from([0.0, 0.05]),
    checkpointing=st.booleans(),
    device=st.sampled_from(["cpu", "cuda"]),
    dtype=st.sampled_from(["float32", "bfloat16"]),
    quantize=st.sampled_from([None, "8bit", "4bit"]),
)
def test_more_takes_more(
    batch: int, accumulation: int, rank: int, dropout: float, checkpointing: bool, device: str, dtype: Any,
    quantize: Any,
) -> None:  # fmt: skip
    recipe = Recipe(
        batch_size=batch, accumulation=accumulation, lora_dropout=dropout, gradient_checkpointing=checkpointing
    )
    plan = dataclasses.replace(PLAN, recipe=recipe, rank=rank, device=device, dtype=dtype, quantize=quantize)
    one = predict_training(FULL, plan).peak
    more = (
        plan.with_recipe(batch_size=batch + 1),
        plan.with_recipe(accumulation=accumulation + 1),
        dataclasses.replace(plan, length=400),
        dataclasses.replace(plan, pieces=20),
        dataclasses.replace(plan, rank=rank + 1),
    )
    assert all(predict_training(FULL, other).peak >= one for other in more)
    assert predict_training(FULL, dataclasses.replace(plan, dtype="float32")).peak >= one
    checkpointed, whole = (
        predict_training(FULL, plan.with_recipe(gradient_checkpointing=choice)).peak for choice in (True, False)
    )
    assert checkpointed < whole
    assert predict_training(FULL, dataclasses.replace(plan, quantize="4bit")).peak <= one
    assert predict_training(FULL, plan.with_recipe(batch_size=1, accumulation=batch * accumulation)).peak <= one


@pytest.mark.parametrize(
    ("changes", "gigabytes", "options"),
    [
        ({"device": "cpu", "dtype": "float32"}, 20, "quantize='8bit'; quantize='4bit'; dtype='bfloat16'"),
        ({"quantize": "8bit"}, 9, "quantize='4bit'"),
        (
            {"recipe": Recipe(gradient_checkpointing=False)},
            20,
            "gradient_checkpointing=True; batch_size=1, accumulation=16; quantize='8bit'; quantize='4bit'",
        ),
        (
            {"recipe": chosen_recipe("as_published", {"batch_size": 8}), "dtype": "float32"},
            17,
            "dtype='float16'; quantize='8bit'; quantize='4bit'",
        ),
    ],
)
def test_what_fits_is_named_as_options(changes: dict[str, Any], gigabytes: int, options: str) -> None:
    told = does_not_fit(dataclasses.replace(PLAN, **changes), FULL, gigabytes * GB)
    assert told is not None
    assert told.startswith("random-full cannot be trained: on ")
    assert f"{gigabytes}.0 GB are available" in told
    assert set(told.split("This fits: ")[1].rstrip(".").split("; ")) == set(options.split("; "))


def test_what_fits_is_no_problem_and_where_nothing_does_it_says_how_much_is_needed() -> None:
    assert does_not_fit(PLAN, FULL, 24 * GB) is None
    told = does_not_fit(PLAN, FULL, 3 * GB)
    assert told is not None
    assert "at least 6.7 GB are needed" in told
    assert say(PLAN, FULL, Memory(30 * GB, 24 * GB)) == (
        "training on cuda in bfloat16, 4 clips together: 16.2 GB at the peak, 24.0 GB available"
    )


def test_a_training_that_cannot_fit_ends_before_the_model_is_loaded_and_goes_on_where_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as small:
        small.setattr(training_memory_check, "memory_there", lambda device, own: Memory(GB, GB // 2))
        with pytest.raises(TrainingError, match=r"random-tiny cannot be trained: on cpu .* and 0\.5 GB are available"):
            finetune(people(), tmp_path / "out", fold=0, epochs=1, device="cpu")
    assert not model_cache._loaded, "encoders that have done their work stay in no memory"
    with caplog.at_level(logging.INFO, training_memory_check.__name__):
        finetune(people(), tmp_path / "out", fold=0, epochs=1, device="cpu")
    said = [one.message for one in caplog.records if one.name == training_memory_check.__name__]
    assert len(said) == 1
    assert said[0].startswith("training on cpu in float32, 4 clips together: 1.2 GB at the peak, ")
