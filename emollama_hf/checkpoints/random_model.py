"""`random-tiny` and `random-full`: models made in memory, for trying the pipeline and for measuring it."""

from __future__ import annotations

import copy
from typing import Any

from emollama_hf.checkpoints.architecture import FULL, TINY
from emollama_hf.checkpoints.source import ModelSource, Part
from emollama_hf.computing.number_types import DtypeName
from emollama_hf.encoders.emotion_llama.prompt import PromptTokenizer
from emollama_hf.encoders.emotion_llama.recorded_tokenizer import RecordedTokenizer
from emollama_hf.files.digest import combined, json_digest
from emollama_hf.tensors.quantized import Quantize

RANDOM_MODELS = {"random-tiny": TINY, "random-full": FULL}

#: Of the rules in random_weights.py, which is not imported to make a digest because it imports torch.
GENERATOR_VERSION = 1


class RandomSource(ModelSource):
    """A model with random weights: what it computes means nothing, how it computes is real.

    The same values in every process and, rounded, in every dtype. Downloads and reads nothing.
    """

    is_random = True

    def config(self, part: Part) -> dict[str, Any]:
        return copy.deepcopy(RANDOM_MODELS[self.name][part])

    def _weights_digest(self, part: Part) -> str:
        own = combined(self.name, part, json_digest(self.config(part)), f"generator {GENERATOR_VERSION}")
        return combined(own, self._own_tokenizer().digest) if part == "emotion_llama" else own

    def _own_tokenizer(self) -> PromptTokenizer:
        return RecordedTokenizer(bytes_for_the_rest=self.name == "random-tiny")

    def _load(self, part: Part, dtype: DtypeName, device: str, quantize: Quantize | None = None) -> Any:
        from emollama_hf.checkpoints.build import empty_network, ready, weights_of
        from emollama_hf.tensors.random_weights import fill_randomly

        network = empty_network(part, self.config(part), dtype, quantize)
        fill_randomly(weights_of(network), device)
        return ready(network, device)
