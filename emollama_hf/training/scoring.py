"""What a trained model says of clips: how likely each class's answer is, or, as published, what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch

from emollama_hf.computing.exact_float32 import exact_float32
from emollama_hf.encoders.emotion_llama.generation import generate
from emollama_hf.encoders.emotion_llama.language_head import with_head
from emollama_hf.encoders.emotion_llama.likelihood import log_likelihoods
from emollama_hf.encoders.prompt_tokenizer import PromptTokenizer
from emollama_hf.measures.predictions import NO_CLASS
from emollama_hf.training.clips import Clip, Clips
from emollama_hf.training.trainable import TrainableEmotionLlama

#: Pieces of an answer at most, as published.
ANSWER_PIECES = 20


@dataclass(frozen=True, eq=False)
class Scored:
    """Predictions of some clips.

    Attributes:
        scores: (n, classes) float64, the log-probability of each class's answer; of answers that were generated 0 for
            the class that was named and minus infinity for others, for all where none was named.
        answers: what was answered to each clip; None where nothing was generated.
    """

    scores: np.ndarray
    answers: tuple[str, ...] | None = None

    @property
    def probabilities(self) -> np.ndarray:
        """(n, classes) float64, a softmax of the scores; the same for each class where no class was named."""
        best = self.scores.max(axis=1, keepdims=True)
        weights = np.exp(np.where(np.isfinite(best), self.scores - best, 0.0))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    @property
    def predicted(self) -> np.ndarray:
        """(n,) int64, the class with the highest score; `NO_CLASS` where no class was named."""
        return np.where(np.isfinite(self.scores.max(axis=1)), self.scores.argmax(axis=1), NO_CLASS)


def score_by_likelihood(
    model: TrainableEmotionLlama,
    clips: Clips,
    opened: np.ndarray,
    answers: Sequence[Sequence[int]],
    *,
    batch_size: int,
    products: torch.dtype,
    advance: Callable[[int], None] = lambda clips: None,
) -> Scored:
    """The log-probability of each class's answer and its end symbol, after the prompt of the training.

    Args:
        model: what was trained.
        clips: those to score.
        opened: (L,) int64, the prompt's ids that an answer follows.
        answers: the ids of each class's answer, the end symbol last.
        batch_size: clips that are computed together.
        products: number type of matrix products.
        advance: called with the number of clips of each batch.

    Returns:
        Scores that are comparable between clips: the difference of two classes' is their log odds.
    """
    language_model = with_head(model.network, {"lm_head.weight": model.head})
    rows = []
    with _computing(model, products):
        for batch in _batches(clips, batch_size):
            found = log_likelihoods(language_model, _prompts(model, batch, opened, products), answers)
            rows += [[float(pieces.astype(np.float64).sum()) for pieces in row] for row in found]
            advance(len(batch))
    return Scored(np.array(rows))


def score_as_published(
    model: TrainableEmotionLlama,
    clips: Clips,
    opened: np.ndarray,
    tokenizer: PromptTokenizer,
    scored_texts: Sequence[str],
    *,
    batch_size: int,
    products: torch.dtype,
    advance: Callable[[int], None] = lambda clips: None,
) -> Scored:
    """What the model answers, greedily, to the prompt without its BOS; the class whose scored text that is.

    Args:
        model, clips, opened, batch_size, products, advance: as for `score_by_likelihood`.
        tokenizer: of the model.
        scored_texts: of each class, lower case: "mind wandering" and "non-mind wandering" as published.

    Returns:
        Scores that are minus infinity throughout for an answer that is no class's text.

    Source: Emotion-LLaMA-4MW, evaluation of mind wandering.
    """
    language_model = with_head(model.network, {"lm_head.weight": model.head})
    said: list[str] = []
    with _computing(model, products):
        for batch in _batches(clips, batch_size):
            found = generate(
                language_model, _prompts(model, batch, opened[1:], products), max_new_tokens=ANSWER_PIECES,
                eos_id=tokenizer.eos_id, pad_id=tokenizer.eos_id,
            )  # fmt: skip
            said += [tokenizer.decode(answer.ids.tolist()) for answer in found]
            advance(len(batch))
    named = np.array([[text.strip().lower() == one for one in scored_texts] for text in said])
    return Scored(np.where(named, 0.0, -np.inf), tuple(said))


@contextmanager
def _computing(model: TrainableEmotionLlama, products: torch.dtype) -> Iterator[None]:
    """No gradients, no dropout; half products where the base is half, float32 in float32."""
    was_training = model.training
    model.eval()
    half = products != torch.float32
    with (
        torch.no_grad(),
        exact_float32(),
        torch.autocast(model.head.device.type, products) if half else nullcontext(),
    ):
        yield
    model.train(was_training)


def _batches(clips: Clips, size: int) -> Iterator[list[Clip]]:
    for first in range(0, len(clips), size):
        yield [clips[index] for index in range(first, min(first + size, len(clips)))]


def _prompts(
    model: TrainableEmotionLlama, batch: Sequence[Clip], opened: np.ndarray, products: torch.dtype
) -> list[torch.Tensor]:
    # A CPU's autocast stacks its own type and float32 alone.
    tokens = torch.stack([clip.tokens.to(products) for clip in batch])
    features = torch.stack([clip.features for clip in batch])
    ids = torch.from_numpy(opened).expand(len(batch), -1)
    return list(model.prompts(tokens, features, ids))
