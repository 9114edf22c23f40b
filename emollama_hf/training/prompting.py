"""What each clip of a training is asked, and what is trained and scored as the answer of each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emollama_hf.checkpoints import ModelSource
from emollama_hf.encoders.emotion_llama.config_json import longest_sequence, visual_tokens
from emollama_hf.encoders.emotion_llama.training_prompt import encode_training_prompt
from emollama_hf.stages.decoder_stage import LAYOUTS
from emollama_hf.stages.instruction_words import columns_named, worded
from emollama_hf.training.training_error import TrainingError

PART = "emotion_llama"
#: Task and instruction of the published training.
TASK = "classification"
INSTRUCTION = "Please classify the video into one of these categories: mind wandering or non-mind wandering."
#: What the published evaluation looks for, by the label in lower case.
_PUBLISHED_SCORED = {"mw": "mind wandering", "nonmw": "non-mind wandering"}


@dataclass(frozen=True, eq=False)
class Prompting:
    """The prompt of every clip, and the answers.

    Attributes:
        task, instruction, chat_template: of the prompt.
        opened: (L,) int64, the prompt's ids that an answer follows.
        texts: the answer of each class.
        answers: its ids, the end symbol last.
        pad_id: fills up shorter rows.
    """

    task: str
    instruction: str
    chat_template: bool
    opened: np.ndarray
    texts: tuple[str, ...]
    answers: tuple[tuple[int, ...], ...]
    pad_id: int


def prompting(
    source: ModelSource, *, task: str, instruction: str, chat_template: bool, layout: str, texts: Sequence[str]
) -> Prompting:
    """The prompt and the answers as ids.

    Raises:
        TrainingError: an instruction that cannot be asked, or names a column; a prompt that is longer than what the
            decoder was trained for.
    """
    tokenizer, config = source.tokenizer(PART), source.config(PART)
    if columns_named(instruction):
        raise TrainingError(
            f"instruction: {{{columns_named(instruction)[0]}}} names a column, and training asks every clip the same. "
            "Word it without columns."
        )
    try:
        prompt = encode_training_prompt(
            tokenizer, task, worded(instruction, {}), visual_tokens=visual_tokens(config, len(LAYOUTS[layout])),
            chat_template=chat_template,
        )  # fmt: skip
    except ValueError as error:
        raise TrainingError(str(error)) from error
    answers = tuple((*tokenizer.encode(text), tokenizer.eos_id) for text in texts)
    length, longest = prompt.length + max(map(len, answers)), longest_sequence(config)
    if length > longest:
        raise TrainingError(
            f"prompt and answer have {length} positions, more than the {longest} that the decoder of {source.name} was "
            "trained for. Shorten the instruction or the answers."
        )
    return Prompting(task, instruction, chat_template, prompt.input_ids, tuple(texts), answers, tokenizer.pad_id)


def published_scored_texts(classes: Sequence[str]) -> tuple[str, ...]:
    """What the published evaluation looks for in an answer, for each class: the words of its instruction.

    Example:
        >>> published_scored_texts(["MW", "NonMW"])
        ('mind wandering', 'non-mind wandering')
    """
    return tuple(_PUBLISHED_SCORED.get(name.lower(), name.lower()) for name in classes)


def instruction_of(classes: Sequence[str], instruction: str | None) -> str:
    """The instruction that was given, or one that offers the classes: the published one for mw and nonmw."""
    if instruction is not None:
        return instruction
    if {name.lower() for name in classes} == set(_PUBLISHED_SCORED):
        return INSTRUCTION
    *some, last = classes
    return f"Please classify the video into one of these categories: {', '.join(some)} or {last}."
