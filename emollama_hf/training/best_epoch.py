"""The trained tensors of the best epoch so far, on the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from emollama_hf.files.atomic_write import atomic_path, write_files
from emollama_hf.files.json_text import json_text
from emollama_hf.files.strict_json import read_object
from emollama_hf.training.saved_states import saving
from emollama_hf.training.trainable import TrainableEmotionLlama

_TENSORS, _FACTS = "best.safetensors", "best.json"


def forget_best(folder: Path) -> None:
    """Remove what is kept of the best epoch."""
    for name in (_FACTS, _TENSORS):
        (folder / name).unlink(missing_ok=True)


class BestEpoch(TrainerCallback):
    """Keeps the tensors of the epoch with the lowest loss on the rows that choose.

    A run that was killed and goes on before that epoch computes it again, and keeps what the first try kept.

    Args:
        model: what is trained.
        folder: of the training.
    """

    def __init__(self, model: TrainableEmotionLlama, folder: Path) -> None:
        self._model, self._folder = model, folder

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any) -> None:
        loss = float(metrics["eval_loss"])
        before = self.facts()
        if state.is_world_process_zero and (before is None or loss < before["loss"]):
            with saving(self._folder, state.global_step):
                with atomic_path(self._folder / _TENSORS) as path:
                    save_file(self._model.trained_tensors(), path)
                facts = {"step": state.global_step, "epoch": round(float(state.epoch), 4), "loss": loss}
                write_files(self._folder, {_FACTS: json_text(facts).encode()})

    def facts(self) -> dict[str, Any] | None:
        """`step`, `epoch` and `loss` of the best epoch; None before the first."""
        try:
            return read_object(self._folder / _FACTS)
        except (OSError, ValueError):
            return None

    def tensors(self) -> dict[str, torch.Tensor]:
        """What was trained by then."""
        found: dict[str, torch.Tensor] = load_file(self._folder / _TENSORS)
        return found
