"""The options of `EmotionPredict`: which labels are asked for, in which prompt; what is left out is filled in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from emollama_hf.encoders.emotion_llama.answer_labels import EMOTION_LABELS, checked_labels
from emollama_hf.encoders.emotion_llama.prompt import DEFAULT_TASK
from emollama_hf.stages.answer_stage import AnswerStageConfig
from emollama_hf.stages.config import check_choice
from emollama_hf.stages.trained_question import TrainedQuestion

PROMPTS = ("generation", "training")


@dataclass(frozen=True)
class EmotionPredictConfig(AnswerStageConfig):
    """Every option of `EmotionPredict` that can change its result; None where an adapter or a default decides."""

    task: str | None = None  # type: ignore[assignment]
    instruction: str | None = None  # type: ignore[assignment]
    labels: tuple[str, ...] | None = None
    method: Literal["generate", "likelihood"] = "generate"
    likelihood: Literal["sum", "mean"] = "sum"
    fallback: str | None = None
    prompt: Literal["generation", "training"] | None = None
    chat_template: bool | None = None

    def __post_init__(self) -> None:
        if self.labels is not None:
            object.__setattr__(self, "labels", checked_labels(self.labels))
        super().__post_init__()
        check_choice("method", self.method, ("generate", "likelihood"))
        check_choice("likelihood", self.likelihood, ("sum", "mean"))
        check_choice("prompt", self.prompt, (None, *PROMPTS))
        check_choice("chat_template", self.chat_template, (None, True, False))
        if self.likelihood != "sum" and self.method != "likelihood":
            raise ValueError(f"likelihood={self.likelihood!r} would have no effect with method={self.method!r}.")
        if self.fallback is not None and self.method == "likelihood":
            raise ValueError(
                f"fallback={self.fallback!r} would have no effect: a likelihood names a label in every row."
            )
        if self.fallback is not None and (not isinstance(self.fallback, str) or not self.fallback.strip()):
            raise ValueError(f"fallback={self.fallback!r}: expected a label, or None for null")
        object.__setattr__(self, "fallback", None if self.fallback is None else self.fallback.strip())

    def asked(self) -> tuple[str, str]:
        return (
            DEFAULT_TASK if self.task is None else self.task,
            question_for(self.labels or EMOTION_LABELS) if self.instruction is None else self.instruction,
        )

    @property
    def needs_question(self) -> bool:
        """Whether something is left to an adapter."""
        asked = (self.task, self.instruction, self.labels, self.prompt)
        return None in asked or (self.prompt == "training" and self.chat_template is None)

    def filled(self, trained: TrainedQuestion | None) -> EmotionPredictConfig:
        """The options with nothing left out.

        Args:
            trained: what the adapter was trained to be asked; None without one.
        """
        prompt = self.prompt or ("generation" if trained is None else "training")
        chat = self.chat_template
        if chat is None:
            chat = trained.chat_template if trained is not None else True
        left: dict[str, Any] = {"prompt": prompt, "chat_template": chat if prompt == "training" else None}
        if trained is None:
            task, instruction = self.asked()
            labels = self.labels or EMOTION_LABELS
        else:
            task = trained.task if self.task is None else self.task
            instruction = trained.instruction if self.instruction is None else self.instruction
            labels = trained.labels if self.labels is None else self.labels
        return replace(self, task=task, instruction=instruction, labels=labels, **left)


def question_for(labels: Sequence[str]) -> str:
    """The original's instruction with other labels; braces in them are text."""
    listed = ", ".join(labels).replace("{", "{{").replace("}", "}}")
    return f"Please determine which emotion label in the video represents: {listed}."
