"""One training: a model, the clips it is fitted on and those that choose its best epoch, from the last saved state."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerState, TrainingArguments

from emollama_hf.console.logs import package_logger
from emollama_hf.training.adapter_trainer import TRAINER_STATE, AdapterTrainer
from emollama_hf.training.best_epoch import BestEpoch
from emollama_hf.training.clips import Clips, Collate
from emollama_hf.training.recipe import Recipe
from emollama_hf.training.saved_states import last_state, remove_damaged, remove_states
from emollama_hf.training.trainable import TrainableEmotionLlama
from emollama_hf.training.training_error import TrainingError
from emollama_hf.training.watch import Watch, check_loss

logger = package_logger(__name__)

#: States that stay on the disk: a killed run may have been writing the last one.
_STATES = 2
#: Optimiser steps between two losses that are logged.
_LOG_STEPS = 10
_HISTORY = ("step", "epoch", "loss", "eval_loss", "learning_rate")


@dataclass(frozen=True)
class Training:
    """What one training found.

    Attributes:
        chosen: `step`, `epoch` and `loss` of the best epoch; None where no rows chose, and the last epoch counts.
        steps: optimiser steps in all.
        history: JSON-able, losses by step, of fitting and of choosing.
    """

    chosen: dict[str, Any] | None
    steps: int
    history: list[dict[str, Any]]


def train(
    model: TrainableEmotionLlama,
    fit: Clips,
    choosing: Clips | None,
    collate: Collate,
    choosing_collate: Collate,
    recipe: Recipe,
    *,
    folder: Path,
    title: str,
    dtype: str,
    device: str,
    callbacks: Sequence[TrainerCallback] = (),
    report_to: Sequence[str] = (),
) -> Training:
    """Train a model, which ends with the tensors of its best epoch, or of its last.

    Args:
        model: with the tensors to begin with; a saved state in `folder` replaces them.
        fit: what is fitted.
        choosing: what chooses the best epoch by its loss; None for the last epoch.
        collate, choosing_collate: prompt, answers and weights of both.
        recipe: the values.
        folder: of the saved states.
        title: what is trained, for messages.
        dtype: of products: "float32", "bfloat16" or "float16".
        device: "cpu" or a CUDA device.
        callbacks, report_to: as for transformers' Trainer.

    Raises:
        TrainingError: fewer clips than a batch, a loss that is no number, a full disk. What was saved is kept, and the
            same call goes on from it.
    """
    if recipe.drops_last and len(fit) < recipe.batch_size:
        raise TrainingError(
            f"{title}: {len(fit)} clips to train on and batch_size={recipe.batch_size}: the published recipe leaves an "
            "incomplete batch out, so that nothing would be trained. Give a smaller batch_size."
        )
    folder.mkdir(parents=True, exist_ok=True)
    best = BestEpoch(model, folder)
    options = _arguments(recipe, folder, chooses=choosing is not None, dtype=dtype, device=device, report_to=report_to)
    trainer = AdapterTrainer(
        model,
        recipe,
        args=options,
        train_dataset=fit,
        eval_dataset=choosing,
        data_collator=collate,
        choosing_collate=choosing_collate,
        callbacks=[*([] if choosing is None else [best]), _SaveEpochs(), Watch(title), *callbacks],
    )
    _silence(trainer)
    if trainer.is_world_process_zero():
        remove_damaged(folder)
        if choosing is not None and not best.is_whole() and _has_chosen(last_state(folder)):
            logger.warning("%s: the tensors of the best epoch are damaged: training begins again.", title)
            remove_states(folder)
    trainer.accelerator.wait_for_everyone()
    state = last_state(folder)
    if state is not None and _is_last(state):
        trainer.take_last(str(state))
    else:
        done = trainer.train(resume_from_checkpoint=None if state is None else str(state))
        check_loss(done.training_loss, trainer.state.global_step)
    trainer.accelerator.wait_for_everyone()
    chosen = best.facts() if choosing is not None else None
    if chosen is not None:
        model.set_trained(best.tensors())
    trainer.model = trainer.accelerator.unwrap_model(trainer.model_wrapped, keep_fp32_wrapper=False)
    history: list[dict[str, Any]] = [
        {name: value for name, value in entry.items() if name in _HISTORY}
        for entry in trainer.state.log_history
        if "loss" in entry or "eval_loss" in entry
    ]
    return Training(chosen, trainer.state.global_step, history)


def _is_last(state: Path) -> bool:
    found = TrainerState.load_from_json(str(state / TRAINER_STATE))
    return bool(found.global_step >= found.max_steps)


def _has_chosen(state: Path | None) -> bool:
    """Whether a state is of a time when there was a best epoch."""
    if state is None:
        return False
    history = TrainerState.load_from_json(str(state / TRAINER_STATE)).log_history
    return any("eval_loss" in entry for entry in history)


class _SaveEpochs(TrainerCallback):
    """A state at the end of each epoch beside those by steps: what chose the epoch need not be computed again."""

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        # The last step of an epoch is saved when the rows have chosen: a training that goes on behind it does not ask
        # them again.
        if float(state.epoch).is_integer() or state.global_step >= state.max_steps:
            control.should_save = False
        return control

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        control.should_save = True
        return control


def _arguments(
    recipe: Recipe, folder: Path, *, chooses: bool, dtype: str, device: str, report_to: Sequence[str]
) -> TrainingArguments:
    cpu = device == "cpu"
    if cpu and dtype == "float16":
        raise TrainingError("dtype='float16' trains on a GPU only. Give dtype='float32' or 'bfloat16'.")
    made = TrainingArguments(
        output_dir=os.fspath(folder),
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=recipe.batch_size,
        gradient_accumulation_steps=recipe.accumulation,
        learning_rate=recipe.learning_rate,
        num_train_epochs=recipe.epochs,
        max_steps=-1 if recipe.max_steps is None else recipe.max_steps,
        max_grad_norm=0.0 if recipe.clip_norm is None else recipe.clip_norm,
        dataloader_drop_last=recipe.drops_last,
        dataloader_pin_memory=not cpu,
        remove_unused_columns=False,
        label_names=["labels"],
        bf16=dtype == "bfloat16",
        fp16=dtype == "float16",
        use_cpu=cpu,
        seed=recipe.seed,
        eval_strategy="epoch" if chooses else "no",
        save_strategy="steps",
        save_steps=recipe.save_steps,
        save_total_limit=_STATES,
        logging_steps=_LOG_STEPS,
        logging_nan_inf_filter=False,
        report_to=list(report_to),
        disable_tqdm=True,
        log_level="error",
        ddp_find_unused_parameters=False,
    )
    made._n_gpu = min(1, made.n_gpu)  # several GPUs are `accelerate launch`'s, one process each
    return made


def _silence(trainer: AdapterTrainer) -> None:
    """Without the lines that the Trainer prints to the terminal: `Watch` says what it says."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
