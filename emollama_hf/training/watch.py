"""How far a training is: a bar on a terminal, log lines elsewhere; and an error where the loss is no number."""

from __future__ import annotations

import math
import sys
import time
from typing import Any

from transformers import TrainerCallback

from emollama_hf.console.logs import package_logger
from emollama_hf.console.terminal import for_terminal
from emollama_hf.training.training_error import TrainingError

logger = package_logger(__name__)

#: Seconds between two lines of the log.
REPORT_S = 30.0


def check_loss(loss: float, step: int) -> None:
    """Raise TrainingError for a loss that is NaN or infinite."""
    if not math.isfinite(loss):
        raise TrainingError(
            f"the loss is {loss} at step {step}: a value left the range of the number type, or the learning rate is "
            "too high. Train with dtype='bfloat16' or 'float32', or a lower learning_rate."
        )


class Watch(TrainerCallback):
    """Loss, steps a second and time left of a training.

    Args:
        title: what is trained, such as "fold 0".
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._bar: Any = None
        self._loss: float | None = None
        self._started = self._told = 0.0
        self._first = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._started = self._told = time.monotonic()
        self._first = state.global_step
        if state.global_step:
            logger.info("%s: goes on at step %d of %d", self._title, state.global_step, state.max_steps)
        if state.is_local_process_zero and sys.stderr.isatty():
            from datasets.utils import are_progress_bars_disabled
            from tqdm.auto import tqdm

            if not are_progress_bars_disabled():
                title = for_terminal(f"Training {self._title}")
                self._bar = tqdm(
                    total=state.max_steps, initial=state.global_step, desc=title, unit="step", dynamic_ncols=True
                )

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if logs is None or "loss" not in logs:
            return
        self._loss = float(logs["loss"])
        check_loss(self._loss, state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        now = time.monotonic()
        if self._bar is not None:
            self._bar.set_postfix_str("" if self._loss is None else f"loss {self._loss:.4f}", refresh=False)
            self._bar.update(state.global_step - self._bar.n)
        elif state.is_world_process_zero and now - self._told >= REPORT_S:
            self._told = now
            rate = (state.global_step - self._first) / (now - self._started)
            left = (state.max_steps - state.global_step) / max(rate, 1e-9)
            loss = "" if self._loss is None else f", loss {self._loss:.4f}"
            logger.info(
                "%s: step %d of %d, epoch %.2f%s, %.2f steps a second, %.0f s left",
                self._title, state.global_step, state.max_steps, state.epoch, loss, rate, left,
            )  # fmt: skip

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any) -> None:
        if state.is_world_process_zero:
            logger.info(
                "%s: epoch %.0f, loss %.4f on the rows that choose", self._title, state.epoch, metrics["eval_loss"]
            )

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self._bar is not None:
            self._bar.close()
