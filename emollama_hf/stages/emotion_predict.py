"""peak_frame, facemae, videomae (and hubert) ─► emotion: the label that the decoder names, and how probable each is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from datasets import List, Value

from emollama_hf import schema
from emollama_hf.encoders.emotion_llama.answer_labels import (
    ends_with,
    label_probabilities,
    named_label,
    softmax,
)
from emollama_hf.encoders.emotion_llama.prompt import PromptIds
from emollama_hf.encoders.emotion_llama.training_prompt import encode_training_prompt
from emollama_hf.errors import ClipError, ModelError
from emollama_hf.stages.answer_stage import AnswerStage
from emollama_hf.stages.column import Column
from emollama_hf.stages.config import StageConfig
from emollama_hf.stages.decoder_stage import DecoderInput
from emollama_hf.stages.emotion_question import EmotionPredictConfig
from emollama_hf.stages.encoder_stage import not_finite
from emollama_hf.stages.stage import Stage
from emollama_hf.stages.trained_question import trained_question

if TYPE_CHECKING:
    from emollama_hf.encoders.emotion_llama.generation import Answer


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

    With an adapter that `finetune` has trained, labels, task, instruction and the form of the prompt are those of the
    training unless they are given, and a label's likelihood includes the end symbol behind it, as it was trained.

    Args:
        model: model directory, Hub id, "random-tiny" or "random-full"; None for the model that `configure` has set.
        labels: two or more texts; None for the adapter's answers, or the nine emotions of the original.
        task, instruction: the prompt is "[INST] <video>..</video> <feature>..</feature> [{task}] {instruction} [/INST]"
            None asks as the adapter was trained, or for one of `labels` in the original's words. A column's name in
            braces stands for a row's value.
        prompt: "generation" for the prompt above; "training" for the extraction prompt of `EmoLlamaEmbed` without its
            end symbol, behind which answers are trained. None is "training" with an adapter, else "generation".
        chat_template: whether the prompt "training" stands in the chat template; None as the adapter was trained, else
            True. The prompt "generation" always does.
        method: "generate" or "likelihood".
        likelihood: "sum" of the pieces' log-probabilities, or their "mean", which does not prefer short labels.
        max_new_tokens: pieces of an answer at most.
        fallback: the emotion of answers that end with no label; "neutral" as the original.
        layout, quantize, tokenizer, adapter, revision, device, dtype, batch_size, compile, on_error: as for
            `EmoLlamaEmbed`.

    Raises:
        TypeError: an unknown option.
        ValueError: an option has a value that is not valid: labels that are doubled, empty or fewer than two.
        ClipError: by a call with on_error="raise": the errors of `EmoLlamaEmbed`.
        ModelError: by a call: the model, one of its parts, its language head or the adapter is missing; with
            method="likelihood", labels of which one begins another.

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
    _given: EmotionPredictConfig

    @property
    def config(self) -> EmotionPredictConfig:
        """The options, what is left out filled in: of a ready instance, `configure` may name the adapter later."""
        if not self._given.needs_question:
            return self._given.filled(None)
        adapter = self.resolved_placement().adapter
        return self._given.filled(None if adapter is None else trained_question(str(adapter), self.name))

    @config.setter
    def config(self, given: StageConfig) -> None:
        self._given = cast("EmotionPredictConfig", given)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._given}, {self.placement})"

    @classmethod
    def variants(cls) -> tuple[Stage, ...]:
        return cls("random-tiny"), cls("random-full", labels=("yes", "no"))

    def outputs(self) -> dict[str, Column]:
        count = len(self._labels)
        end = " and the end symbol" if self.config.prompt == "training" else ""
        how = (
            f"the {self.config.likelihood} of the log-probabilities of each label's pieces{end} after the prompt"
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

    def resolved_config(self) -> dict[str, Any]:
        found = super().resolved_config()
        if found["chat_template"] is None:
            del found["chat_template"]
        if found["prompt"] == "generation" and self.resolved_placement().adapter is None:
            del found["prompt"]  # not named: what was computed before there was a choice is found again
        return found

    def encoded(self, instruction: str) -> PromptIds:
        if self.config.prompt == "generation":
            return super().encoded(instruction)
        return encode_training_prompt(
            self.source.tokenizer(self.part),
            self.config.task or "",
            instruction,
            visual_tokens=self.visual_token_count(),
            chat_template=bool(self.config.chat_template),
        )

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
            if self.config.prompt == "training":  # where the end symbol was trained, too
                ids = [[*one, tokenizer.eos_id] for one in ids]
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
