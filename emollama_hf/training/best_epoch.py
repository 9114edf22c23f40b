"""The trained tensors of the best epoch so far, on the disk."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from emollama_hf.files.atomic_write import atomic_path
from emollama_hf.files.digest import combined
from emollama_hf.files.json_text import json_text
from emollama_hf.files.strict_json import parse_object
from emollama_hf.training.saved_states import saving
from emollama_hf.training.trainable import TrainableEmotionLlama
from emollama_hf.training.watch import check_loss

#: Tensors and facts lie in one file, so that a kill leaves both or neither.
_TENSORS, _FACTS, _DIGEST = "best.safetensors", "epoch", "digest"


def forget_best(folder: Path) -> None:
    """Remove what is kept of the best epoch."""
    (folder / _TENSORS).unlink(missing_ok=True)


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
        check_loss(loss, state.global_step)
        before = self.facts()
        if state.is_world_process_zero and (before is None or loss < before["loss"]):
            with saving(self._folder, state.global_step):
                tensors = self._model.trained_tensors()
                facts = {"step": state.global_step, "epoch": round(float(state.epoch), 4), "loss": loss}
                told = {_FACTS: json_text(facts), _DIGEST: _digest(tensors)}
                with atomic_path(self._folder / _TENSORS) as path:
                    save_file(tensors, path, told)

    def facts(self) -> dict[str, Any] | None:
        """`step`, `epoch` and `loss` of the best epoch; None before the first, or where the file is damaged."""
        told = self._header()
        try:
            return parse_object(told[_FACTS].encode())
        except (KeyError, ValueError):
            return None

    def is_whole(self) -> bool:
        """Whether the file of the best epoch has the content that was written."""
        told = self._header()
        return _DIGEST in told and told[_DIGEST] == _digest(self.tensors())

    def _header(self) -> dict[str, str]:
        try:
            with safe_open(self._folder / _TENSORS, "pt") as file:
                return dict(file.metadata() or {})
        except (OSError, SafetensorError):
            return {}

    def tensors(self) -> dict[str, torch.Tensor]:
        """What was trained by then."""
        found: dict[str, torch.Tensor] = load_file(self._folder / _TENSORS)
        return found


def _digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """Identity of tensors on the CPU, 64 hexadecimal digits."""
    hashes = [f"{name} {sha256(tensors[name].numpy().data).hexdigest()}" for name in sorted(tensors)]
    return combined(*hashes)
