"""What an adapter was trained to be asked: the question of its provenance, and the answers to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from emollama_hf.checkpoints.adapter import Adapter, open_adapter
from emollama_hf.errors import ModelError


class TrainedQuestion(NamedTuple):
    """The question of a training.

    Attributes:
        task: the text in brackets before the instruction.
        instruction: what is asked.
        chat_template: whether the prompt stood between `[INST] ` and ` [/INST]`.
        labels: the answer of each class.
    """

    task: str
    instruction: str
    chat_template: bool
    labels: tuple[str, ...]


def trained_question(adapter: str, where: str) -> TrainedQuestion:
    """The question that an adapter was trained with.

    Args:
        adapter: directory or Hub id.
        where: what to call what asks, in errors.

    Raises:
        ModelError: there is no such adapter, or its provenance does not say what it was asked.
    """
    facts = open_adapter(adapter).provenance
    prompt, labels = _table(facts.get("prompt")), _table(facts.get("labels"))
    task, instruction, chat = prompt.get("task"), prompt.get("instruction"), prompt.get("chat_template")
    texts = labels.get("texts")
    if (
        isinstance(task, str)
        and isinstance(instruction, str)
        and isinstance(chat, bool)
        and isinstance(texts, list | tuple)
        and all(isinstance(text, str) for text in texts)
    ):
        return TrainedQuestion(task, instruction, chat, tuple(texts))
    raise ModelError(
        f"{where}: the provenance.json of the adapter {adapter} does not say what it was asked and what the answers "
        "are (prompt: task, instruction, chat_template; labels: texts). Pass labels=, task=, instruction=, prompt= and "
        "chat_template=, or train it again."
    )


def check_layout(adapter: Adapter, layout: str, where: str) -> None:
    """Check that an adapter was trained with the vectors that the decoder receives.

    Args:
        adapter: of the stage's model.
        layout: of the stage.
        where: what to call the stage, in errors.

    Raises:
        ModelError: it was trained with another layout.
    """
    trained = _table(adapter.provenance.get("prompt")).get("layout")
    if isinstance(trained, str) and trained != layout:
        raise ModelError(
            f"{where}: the adapter {adapter.name} was trained with layout={trained!r}, and the stage has "
            f"layout={layout!r}. Pass layout={trained!r}, or an adapter for {layout!r}."
        )


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
