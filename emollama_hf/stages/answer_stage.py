"""What the stages share that let the decoder answer: its language head, the prompt's embeddings, memory."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from emollama_hf.checkpoints.memory import ITEM_BYTES, StageMemory
from emollama_hf.computing.model_cache import cached
from emollama_hf.computing.number_types import product_type
from emollama_hf.encoders import find_encoder
from emollama_hf.encoders.emotion_llama.config_json import blocks, visual_tokens, vocabulary
from emollama_hf.encoders.emotion_llama.generation_prompt import encode_generation_prompt
from emollama_hf.encoders.emotion_llama.prompt import PromptIds
from emollama_hf.stages.decoder_stage import LAYOUTS, DecoderInput, DecoderStage, DecoderStageConfig, tensors_of

if TYPE_CHECKING:
    import torch

    from emollama_hf.encoders.emotion_llama.generation import Answer, Sampling

#: Positions of a prompt beside the visual tokens, and room for a longer instruction.
PROMPT_POSITIONS = 150


@dataclass(frozen=True)
class AnswerStageConfig(DecoderStageConfig):
    """Options of every stage that lets the decoder answer.

    Attributes:
        max_new_tokens: pieces of an answer at most.
    """

    max_new_tokens: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        count = self.max_new_tokens
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ValueError(f"max_new_tokens={count!r}: expected a number of pieces of at least 1")


class AnswerStage(DecoderStage):
    """A stage that lets the decoder answer, or asks how likely answers are."""

    Config = AnswerStageConfig
    config: AnswerStageConfig

    def encoded(self, instruction: str) -> PromptIds:
        return encode_generation_prompt(
            self.source.tokenizer(self.part), self.config.task, instruction, visual_tokens=self.visual_token_count()
        )

    def ready(self) -> None:
        super().ready()
        self._kept()

    def answer_positions(self) -> int:
        return self.config.max_new_tokens

    def own_memory(self) -> StageMemory:
        """The language head, and of each clip the keys and values of its prompt and its answer."""
        config = self.source.config(self.part)
        item = ITEM_BYTES[product_type(find_encoder(self.part).computed_type(self._policy()))]
        positions = visual_tokens(config, len(LAYOUTS[self.config.layout])) + PROMPT_POSITIONS
        positions += self.answer_positions()
        cache = 2 * blocks(config) * positions * self.source.width(self.part) * item
        return StageMemory(vocabulary(config) * self.source.width(self.part) * item, cache)

    def language_model(self, network: Any) -> Any:
        """The network's own decoder with its head, as transformers' `LlamaForCausalLM`."""
        from emollama_hf.encoders.emotion_llama.language_head import with_head

        return with_head(network, self._kept())

    def answers(
        self,
        network: Any,
        items: list[DecoderInput],
        *,
        watched: tuple[int, ...] = (),
        sampling: Sampling | None = None,
    ) -> list[Answer]:
        """The decoder's answer to the prompt of each clip. To be called within `computing`."""
        from emollama_hf.encoders.emotion_llama.generation import generate

        tokenizer = self.source.tokenizer(self.part)
        return generate(
            self.language_model(network),
            self.prompt_embeddings(network, items),
            max_new_tokens=self.config.max_new_tokens,
            eos_id=tokenizer.eos_id,
            pad_id=tokenizer.eos_id,
            watched=watched,
            sampling=sampling,
        )

    def prompt_embeddings(self, network: Any, items: list[DecoderInput]) -> list[torch.Tensor]:
        """The decoder's input of each clip, (L, hidden)."""
        import torch

        tokens = network.recent_visual_tokens(**tensors_of(items, network.device))
        return [
            network.embed(torch.from_numpy(item.prompt.input_ids)[None], tokens[row : row + 1])[0]
            for row, item in enumerate(items)
        ]

    def _kept(self) -> dict[str, Any]:
        source, dtype, device = self.source, self._dtype(), self.device()

        def load() -> dict[str, Any]:
            return source.load_kept(self.part, dtype=dtype, device=device)

        return cached(f"{self.part} beside the network", (self.model_digest(), dtype, device), load)


def seed_of(item: DecoderInput, seed: int) -> int:
    """A seed of a clip's own, so that its answer does not depend on its batch: of the clip, the prompt and `seed`."""
    content = item.key.encode() + np.ascontiguousarray(item.prompt.input_ids).tobytes() + str(seed).encode()
    return int.from_bytes(blake2b(content, digest_size=8).digest())
