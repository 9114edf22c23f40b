"""transformers' Trainer for an adapter: the recipe's optimiser and schedule, states that hold the trained tensors."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from transformers import Trainer, TrainerState

from emollama_hf.training.clips import Collate
from emollama_hf.training.recipe import Recipe
from emollama_hf.training.saved_states import begin_state, end_state, saving
from emollama_hf.training.schedule import rate_factor
from emollama_hf.training.trainable import TrainableEmotionLlama
from emollama_hf.training.watch import check_loss

#: Of a state: what was trained, and how far the Trainer is.
_TENSORS, TRAINER_STATE = "trained.safetensors", "trainer_state.json"


class AdapterTrainer(Trainer):
    """Trains what requires gradients; a state on the disk is that, the optimiser's and the generators', no base weight.

    Args:
        trainable: the model.
        recipe: of the optimiser and the schedule.
        choosing_collate: weighs the clips that choose the best epoch.
        **options: of transformers' Trainer.
    """

    def __init__(
        self, trainable: TrainableEmotionLlama, recipe: Recipe, *, choosing_collate: Collate, **options: Any
    ) -> None:
        self.trainable, self.recipe, self._choosing_collate = trainable, recipe, choosing_collate
        super().__init__(model=trainable, **options)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        fitting, self.data_collator = self.data_collator, self._choosing_collate
        drops, self.args.dataloader_drop_last = self.args.dataloader_drop_last, False  # no clip's choice is left out
        try:
            return super().get_eval_dataloader(eval_dataset)
        finally:
            self.data_collator, self.args.dataloader_drop_last = fitting, drops

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW; weights with two axes or more decay, others do not.

        Source: Emotion-LLaMA, where names with "bias", "ln" or "bn" do not decay either: the same tensors here.
        """
        if self.optimizer is None:
            trained = self.trainable.trained()
            decaying = [one for name, one in trained.items() if one.ndim > 1 and "bias" not in name]
            others = [one for name, one in trained.items() if one.ndim < 2 or "bias" in name]
            recipe = self.recipe
            groups = [
                {"params": decaying, "weight_decay": recipe.weight_decay},
                {"params": others, "weight_decay": 0.0},
            ]
            self.optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=recipe.betas, eps=recipe.eps)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> LambdaLR:
        if self.lr_scheduler is None:
            recipe, chosen = self.recipe, self.optimizer if optimizer is None else optimizer
            assert chosen is not None  # the Trainer makes it first
            self.lr_scheduler = LambdaLR(
                chosen,
                lambda step: rate_factor(step, num_training_steps, recipe),
            )
        return self.lr_scheduler

    def prediction_step(
        self, model: nn.Module, inputs: Any, prediction_loss_only: bool, ignore_keys: Any = None
    ) -> tuple[torch.Tensor, None, None]:
        """The loss alone: nobody reads the scores of a vocabulary."""
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            loss: Any = self.compute_loss(model, inputs)
        return loss.detach(), None, None

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        if self.args.should_save:
            folder = Path(str(output_dir or self.args.output_dir))
            folder.mkdir(parents=True, exist_ok=True)
            save_file(self.trainable.trained_tensors(), folder / _TENSORS)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        self.trainable.set_trained(load_file(Path(resume_from_checkpoint) / _TENSORS))

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        if not all(bool(one.isfinite().all()) for one in self.trainable.trained().values()):
            check_loss(math.nan, self.state.global_step)  # a state that nothing could go on from
        folder = Path(str(self.args.output_dir))
        state = folder / f"checkpoint-{self.state.global_step}"
        with saving(folder, self.state.global_step):
            if self.args.should_save:
                begin_state(state)
            super()._save_checkpoint(model, trial)
            self.accelerator.wait_for_everyone()
            if self.args.should_save:
                end_state(state)

    def take_last(self, state: str) -> None:
        """End a training whose state of the last step was saved.

        Trainer.train would take one step more where that step is in the middle of an epoch.
        """
        self._load_from_checkpoint(state)
        self.state = TrainerState.load_from_json(os.path.join(state, TRAINER_STATE))
