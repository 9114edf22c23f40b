"""peak_frame, facemae, videomae (and hubert) ─► emotion: the label that the decoder names, and how probable each is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from datasets import List, Value

from emollama_hf import schema
from emollama_hf.encoders.emotion_llama.answer_labels import (
    EMOTION_LABELS,
    checked_labels,
    ends_with,
    label_probabilities,
    named_label,
    softmax,
)
from emollama_hf.errors import ClipError, ModelError
from emollama_hf.stages.answer_stage import AnswerStage, AnswerStageConfig
from emollama_hf.stages.column import Column
from emollama_hf.stages.config import check_choice
from emollama_hf.stages.decoder_stage import DecoderInput
from emollama_hf.stages.encoder_stage import not_finite
from emollama_hf.stages.stage import Stage

if TYPE_CHECKING:
    from emollama_hf.encoders.emotion_llama.generation import Answer


@dataclass(frozen=True)
class EmotionPredictConfig(AnswerStageConfig):
    """Every option of `EmotionPredict` that can change its result; what is left out is filled in."""

    instruction: str | None = None  # type: ignore[assignment]
    labels: tuple[str, ...] | None = None
    method: Literal["generate", "likelihood"] = "generate"
    likelihood: Literal["sum", "mean"] = "sum"
    fallback: str | None = None

    def __post_init__(self) -> None:
        labels = EMOTION_LABELS if self.labels is None else checked_labels(self.labels)
        object.__setattr__(self, "labels", labels)
        if self.instruction is None:
            listed = ", ".join(labels).replace("{", "{{").replace("}", "}}")
            asked = f"Please determine which emotion label in the video represents: {listed}."
            object.__setattr__(self, "instruction", asked)
        super().__post_init__()
        check_choice("method", self.method, ("generate", "likelihood"))
        check_choice("likelihood", self.likelihood, ("sum", "mean"))
        if self.likelihood != "sum" and self.method != "likelihood":
            raise ValueError(f"likelihood={self.likelihood!r} would have no effect with method={self.method!r}.")
        if self.fallback is not None and self.method == "likelihood":
            raise ValueError(
                f"fallback={self.fallback!r} would have no effect: a likelihood names a label in every row."
            )
        if self.fallback is not None and (not isinstance(self.fallback, str) or not self.fallback.strip()):
            raise ValueError(f"fallback={self.fallback!r}: expected a label, or None for null")
        object.__setattr__(self, "fallback", None if self.fallback is None else self.fallback.strip())


class EmotionPredict(AnswerStage):
    """The emotion that Emotion-LLaMA names for each clip.

    Reads what `EmoLlamaEmbed` reads; on a data set that lacks some of it, it runs the missing stages. A call returns

        emotion              string, one of `labels`; null (or `fallback`) where the answer ends with none
        emotion_confidence   float32, the probability of that label
        emotion_probs        (labels,) float32, a probability for each label in the order of `labels`
        emotion_answer       string, the whole answer; null with method="likelihood"
        emotion_note         string, why there is no emotion or no probability; null where there is
        emollama_status, emollama_error

    With method="generate" the decoder answers, greedily, and the answer's last word is the emotion. Probabilities are
    those of the original: each label in place of the answer's last pieces. They are null unless the answer ends with
    the label's own pieces, and then the end. With method="likelihood" nothing is generated: each label is scored by
    the log-probabilities of its pieces after the prompt, so that every clip has an emotion and probabilities.

    Args:
        model: model directory, Hub id, "random-tiny" or "random-full"; None for the model that `configure` has set.
        labels: two or more texts; None for the nine of the original.
        task, instruction: the prompt is "[INST] <video>..</video> <feature>..</feature> [{task}] {instruction} [/INST]"
            None asks for one of `labels` in the original's words. A column's name in braces stands for a row's value.
        method: "generate" or "likelihood".
        likelihood: "sum" of the pieces' log-probabilities, or their "mean", which does not prefer short labels.
        max_new_tokens: pieces of an answer at most.
        fallback: the emotion of answers that end with no label; "neutral" as the original.
        layout, quantize, tokenizer, revision, device, dtype, batch_size, compile, on_error: as for `EmoLlamaEmbed`.

    Raises:
        TypeError: an unknown option.
        ValueError: an option has a value that is not valid: labels that are doubled, empty or fewer than two.
        ClipError: by a call with on_error="raise": the errors of `EmoLlamaEmbed`.
        ModelError: by a call: the model, one of its parts or its language head is missing; with method="likelihood",
            labels of which one begins another.

    Example:
        >>> EmotionPredict("random-tiny", method="likelihood")({"video": ["clip.mp4"]})["emotion_probs"].shape
        (1, 9)

    Source: Emotion-LLaMA's batch script, as recorded (`generate`). Its "neutral" for answers without a label is an
    option here; null by default, since nobody said neutral.
    """

    name = "emotion_predict"
    version = 1
    in_short = "the emotion that a language model names for the face"
    Config = EmotionPredictConfig
    config: EmotionPredictConfig

    @classmethod
    def variants(cls) -> tuple[Stage, ...]:
        return cls("random-tiny"), cls("random-full", labels=("yes", "no"))

    def outputs(self) -> dict[str, Column]:
        count = len(self._labels)
        how = (
            f"the {self.config.likelihood} of the log-probabilities of each label's pieces after the prompt"
            if self.config.method == "likelihood"
            else "each label in place of the answer's last pieces; null where these are no label's own"
        )
        offered = ", ".join(self._labels)
        return {
            schema.EMOTION: Column(Value("string"), f"the label that the model names, of {offered}"),
            schema.EMOTION_CONFIDENCE: Column(
                Value("float32"), "the probability of that label", tolerance=1e-3, optional=True
            ),
            schema.EMOTION_PROBS: Column(
                List(Value("float32"), length=count),
                f"probabilities of {offered}: {how}",
                tolerance=1e-3,
                optional=True,
            ),
            schema.EMOTION_ANSWER: Column(Value("string"), "the whole answer of the model"),
            schema.EMOTION_NOTE: Column(Value("string"), "why a clip has no emotion or no probabilities"),
        }

    def ready(self) -> None:
        self._label_ids()
        super().ready()

    def answer_positions(self) -> int:
        if self.config.method == "likelihood":
            return max(map(len, self._label_ids()))
        return super().answer_positions()

    def compute_together(self, items: list[DecoderInput]) -> list[dict[str, Any] | ClipError]:
        ids = self._label_ids()
        with self.computing() as network:
            if self.config.method == "likelihood":
                from emollama_hf.encoders.emotion_llama.likelihood import log_likelihoods

                prompts = self.prompt_embeddings(network, items)
                found = log_likelihoods(self.language_model(network), prompts, ids)
                return [self._likeliest(row) for row in found]
            watched = tuple(sorted({piece for label in ids for piece in label}))
            answers = self.answers(network, items, watched=watched)
        columns = {piece: column for column, piece in enumerate(watched)}
        return [self._named(answer, columns, ids) for answer in answers]

    @property
    def _labels(self) -> tuple[str, ...]:
        assert self.config.labels is not None  # filled in by the configuration
        return self.config.labels

    def _label_ids(self) -> list[list[int]]:
        tokenizer = self.source.tokenizer(self.part)
        ids = [tokenizer.encode(label) for label in self._labels]
        if self.config.method == "likelihood":
            for one, label in zip(ids, self._labels, strict=True):
                longer = [name for other, name in zip(ids, self._labels, strict=True) if other[: len(one)] == one]
                if len(longer) > 1:
                    raise ModelError(
                        f"labels: the pieces of {label!r} begin those of {longer[1 if longer[0] == label else 0]!r}, "
                        "which could then never be likelier. Word one of them otherwise, or pass method='generate'."
                    )
        return ids

    def _likeliest(self, pieces: list[np.ndarray]) -> dict[str, Any] | ClipError:
        scores = np.array([one.sum() if self.config.likelihood == "sum" else one.mean() for one in pieces], np.float64)
        if not np.isfinite(scores).all():
            return not_finite(schema.EMOTION_PROBS, self._dtype())
        probabilities = softmax(scores)
        best = int(scores.argmax())
        return self._columns(self._labels[best], probabilities, None, None)

    def _named(self, answer: Answer, columns: dict[int, int], ids: list[list[int]]) -> dict[str, Any] | ClipError:
        if not np.isfinite(answer.log_probabilities).all():
            return not_finite(schema.EMOTION_PROBS, self._dtype())
        text = self.source.tokenizer(self.part).decode(answer.ids.tolist())
        label = named_label(text, self._labels)
        end = "" if answer.finished else f" and did not end within {self.config.max_new_tokens} pieces"
        if label is None:
            return self._columns(self.config.fallback, None, text, f"the answer ends with no label{end}")
        if not ends_with(answer.ids.tolist(), ids[self._labels.index(label)]):
            return self._columns(label, None, text, f"the answer ends with {label!r} in other pieces than the label's")
        found = label_probabilities(answer.log_probabilities, columns, ids)
        return self._columns(label, found, text, None)

    def _columns(
        self, label: str | None, probabilities: np.ndarray | None, answer: str | None, note: str | None
    ) -> dict[str, Any]:
        confidence = None if probabilities is None or label is None else probabilities[self._labels.index(label)]
        return {
            schema.EMOTION: label,
            schema.EMOTION_CONFIDENCE: None if confidence is None else np.float32(confidence),
            schema.EMOTION_PROBS: None if probabilities is None else probabilities.astype(np.float32),
            schema.EMOTION_ANSWER: answer,
            schema.EMOTION_NOTE: note,
        }
