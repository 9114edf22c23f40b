"""Answers of the decoder: greedy or sampled, several prompts of different lengths together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from transformers import (
    LlamaForCausalLM,
    LogitsProcessor,
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)

from emollama_hf.console.logs import package_logger
from emollama_hf.encoders.emotion_llama.growing_cache import growing_cache

logger = package_logger(__name__)

#: Seconds between two lines of the log.
REPORT_S = 10.0


@dataclass(frozen=True)
class Sampling:
    """How pieces are drawn, in place of the most probable one.

    Attributes:
        temperature: scores are divided by it; above 0.
        top_p: only the most probable pieces that have this probability together are drawn from, 0 < top_p <= 1.
        seeds: of each prompt, so that its answer does not depend on the prompts beside it.
    """

    temperature: float
    top_p: float
    seeds: Sequence[int]


@dataclass(frozen=True)
class Answer:
    """What the decoder answered to one prompt.

    Attributes:
        ids: (n,) int64, without the end symbol.
        finished: whether the end symbol came, within the limit.
        log_probabilities: (n, watched ids) float32, of the scores before any sampling.
    """

    ids: np.ndarray
    finished: bool
    log_probabilities: np.ndarray


def generate(
    language_model: LlamaForCausalLM,
    prompts: Sequence[torch.Tensor],
    *,
    max_new_tokens: int,
    eos_id: int,
    pad_id: int,
    watched: Sequence[int] = (),
    sampling: Sampling | None = None,
) -> list[Answer]:
    """Let the decoder answer each prompt, with a cache of keys and values.

    Args:
        language_model: as `language_head.with_head` makes it.
        prompts: the decoder's input of each clip, (L, hidden) in the type of products, of any lengths.
        max_new_tokens: pieces of an answer at most.
        eos_id: the end symbol, after which an answer is finished.
        pad_id: what stands behind finished answers; it has no effect.
        watched: ids whose log-probabilities are wanted at every step.
        sampling: how pieces are drawn; None takes the most probable one.

    Returns:
        An answer a prompt, in order.
    """
    longest = max(len(prompt) for prompt in prompts)
    # On the left, so that every answer begins at the same index; transformers counts positions from the mask.
    embeds = torch.stack([functional.pad(one, (0, 0, longest - len(one), 0)) for one in prompts])
    mask = torch.zeros(embeds.shape[:2], dtype=torch.long, device=embeds.device)
    for row, prompt in enumerate(prompts):
        mask[row, longest - len(prompt) :] = 1
    watch = _Watch(watched)
    processors: list[LogitsProcessor] = [watch, _Progress(len(prompts), max_new_tokens)]
    if sampling is not None:
        processors += [TemperatureLogitsWarper(sampling.temperature), TopPLogitsWarper(sampling.top_p)]
        processors += [_Noise(sampling.seeds)]
    sequences: Any = language_model.generate(
        inputs_embeds=embeds,
        attention_mask=mask,
        max_new_tokens=max_new_tokens,
        do_sample=False,
        eos_token_id=eos_id,
        pad_token_id=pad_id,
        logits_processor=LogitsProcessorList(processors),
        **growing_cache(),
    )
    recorded = watch.recorded()
    return [_answer(ids, eos_id, recorded[:, row]) for row, ids in enumerate(sequences.cpu().numpy())]


def _answer(ids: np.ndarray, eos_id: int, log_probabilities: np.ndarray) -> Answer:
    ends = np.flatnonzero(ids == eos_id)
    length = int(ends[0]) if len(ends) else len(ids)
    return Answer(ids[:length].astype(np.int64), bool(len(ends)), log_probabilities[:length])


class _Watch(LogitsProcessor):
    """Records log-probabilities of some ids at each step, and changes nothing.

    The scores of a whole vocabulary would take 64 MB a clip of 500 steps.
    """

    def __init__(self, ids: Sequence[int]) -> None:
        self._ids = list(ids)
        self._steps: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        chosen = scores.float().log_softmax(-1)[:, self._ids] if self._ids else scores.new_empty(len(scores), 0)
        self._steps.append(chosen)
        return scores

    def recorded(self) -> np.ndarray:
        """(steps, prompts, ids) float32."""
        return torch.stack(self._steps).float().cpu().numpy()


class _Noise(LogitsProcessor):
    """Gumbel noise, from a generator of each prompt: the largest sum is a draw from the scores' softmax.

    transformers' own sampling draws for all prompts from one generator, so that an answer would depend on its batch.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self._generators = [np.random.default_rng(seed) for seed in seeds]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        noise = np.stack([one.gumbel(size=scores.shape[1]) for one in self._generators])
        return scores + torch.from_numpy(noise).to(scores)


class _Progress(LogitsProcessor):
    """Pieces a second in the log, for answers that take long."""

    def __init__(self, prompts: int, limit: int) -> None:
        self._prompts, self._limit, self._steps = prompts, limit, 0
        self._started = self._told = time.monotonic()

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self._steps += 1
        now = time.monotonic()
        if now - self._told >= REPORT_S:
            self._told = now
            logger.info(
                "answering: %d of at most %d pieces for %d clips, %.1f pieces a second",
                self._steps, self._limit, self._prompts, self._steps * self._prompts / (now - self._started),
            )  # fmt: skip
        return scores
