"""peak_frame, facemae, videomae (and hubert) ─► answer: what the decoder says to any question about the clip."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from datasets import Value

from emollama_hf import schema
from emollama_hf.errors import ClipError
from emollama_hf.stages.answer_stage import AnswerStage, AnswerStageConfig, seed_of
from emollama_hf.stages.column import Column
from emollama_hf.stages.decoder_stage import DecoderInput

#: The question of the original for the task [reason].
REASON_INSTRUCTION = (
    "Please analyze all the clues in the video and reason out the emotional label of the person in the video."
)


#: Scores divided by less overflow, and the most probable piece is drawn anyway.
LEAST_TEMPERATURE = 0.01


@dataclass(frozen=True)
class GenerateAnswerConfig(AnswerStageConfig):
    """Every option of `GenerateAnswer` that can change its result."""

    task: str = "reason"
    instruction: str = REASON_INSTRUCTION
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("temperature", "top_p"):  # 1 and 1.0 are one setting
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"{name}={value!r}: expected a number")
            object.__setattr__(self, name, float(value))
        if self.temperature and not LEAST_TEMPERATURE <= self.temperature < math.inf:
            raise ValueError(
                f"temperature={self.temperature!r}: expected {LEAST_TEMPERATURE} or more, or 0 to draw nothing"
            )
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p={self.top_p!r}: expected a probability above 0, at most 1")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int):
            raise ValueError(f"seed={self.seed!r}: expected a whole number")
        without_effect = [name for name in ("top_p", "seed") if getattr(self, name) != _DEFAULTS[name]]
        if not self.temperature and without_effect:
            raise ValueError(f"{without_effect[0]} would have no effect with temperature=0, which draws nothing.")


_DEFAULTS = {"top_p": 1.0, "seed": 0}


class GenerateAnswer(AnswerStage):
    """What Emotion-LLaMA answers to a question about each clip.

    Reads what `EmoLlamaEmbed` reads; on a data set that lacks some of it, it runs the missing stages. A call returns

        answer            string
        answer_finished   bool, whether the answer ended by itself, within `max_new_tokens`
        emollama_status, emollama_error

    Args:
        model: model directory, Hub id, "random-tiny" or "random-full"; None for the model that `configure` has set.
        task, instruction: the prompt is "[INST] <video>..</video> <feature>..</feature> [{task}] {instruction} [/INST]"
            The original was trained for the tasks "emotion" and "reason". A column's name in braces stands for the
            row's value: "The person in video says: {transcript}. ...".
        max_new_tokens: pieces of an answer at most.
        temperature: 0 takes the most probable piece; above 0, pieces are drawn, from scores divided by it.
        top_p: pieces are drawn from the most probable that have this probability together.
        seed: of the draws. A clip's answer depends on it, the clip and the prompt, and not on other rows.
        layout, quantize, tokenizer, adapter, revision, device, dtype, batch_size, compile, on_error: as for
            `EmoLlamaEmbed`.

    Raises:
        TypeError: an unknown option.
        ValueError: an option has a value that is not valid.
        ClipError: by a call with on_error="raise": the errors of `EmoLlamaEmbed`.
        ModelError: by a call: the model, one of its parts or its language head is missing.

    Example:
        >>> len(GenerateAnswer("random-tiny", max_new_tokens=4)({"video": ["clip.mp4"]})["answer"])
        1

    Source: Emotion-LLaMA's demonstration, which draws with temperature 0.2.
    """

    name = "generate_answer"
    version = 1
    in_short = "what a language model says about the face"
    Config = GenerateAnswerConfig
    config: GenerateAnswerConfig

    def outputs(self) -> dict[str, Column]:
        return {
            schema.ANSWER: Column(Value("string"), "the answer of the model to the instruction below"),
            schema.ANSWER_FINISHED: Column(Value("bool"), "whether the answer ended by itself"),
        }

    def compute_together(self, items: list[DecoderInput]) -> list[dict[str, Any] | ClipError]:
        from emollama_hf.encoders.emotion_llama.generation import Sampling

        config = self.config
        seeds = [seed_of(item, config.seed) for item in items]
        sampling = Sampling(config.temperature, config.top_p, seeds) if config.temperature else None
        with self.computing() as network:
            answers = self.answers(network, items, sampling=sampling)
        decode = self.source.tokenizer(self.part).decode
        return [{schema.ANSWER: decode(one.ids.tolist()), schema.ANSWER_FINISHED: one.finished} for one in answers]
