"""`random-tiny` and `random-full`: models made in memory, for trying the pipeline and for measuring it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from emollama_hf.checkpoints.source import ModelSource
from emollama_hf.computing.number_types import DtypeName
from emollama_hf.encoders import find_encoder, full_sizes, tiny_sizes
from emollama_hf.encoders.adaptation import NEW_LORA, Changes
from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.prompt_tokenizer import PromptTokenizer
from emollama_hf.errors import ModelError
from emollama_hf.files.digest import combined, json_digest
from emollama_hf.tensors.quantized import Quantize

#: Configurations by family.
RANDOM_MODELS: dict[str, Callable[[], dict[str, Config]]] = {"random-tiny": tiny_sizes, "random-full": full_sizes}

#: Of the rules in random_weights.py, which is not imported to make a digest because it imports torch.
GENERATOR_VERSION = 1


class RandomSource(ModelSource):
    """A model with random weights: what it computes means nothing, how it computes is real.

    The same values in every process and, rounded, in every dtype. Downloads and reads nothing.
    """

    is_random = True

    def config(self, part: str) -> Config:
        encoder, sizes = find_encoder(part), RANDOM_MODELS[self.name]()
        own = encoder.tiny if self.name == "random-tiny" else encoder.full
        return copy.deepcopy(sizes.get(part, own))

    def _weights_digest(self, part: str) -> str:
        own = combined(self.name, part, json_digest(self.config(part)), f"generator {GENERATOR_VERSION}")
        return combined(own, self._own_tokenizer(part).digest) if find_encoder(part).tokenizer_files else own

    def _own_tokenizer(self, part: str) -> PromptTokenizer:
        return find_encoder(part).random_tokenizer(any_text=self.name == "random-tiny")

    def _load(
        self,
        part: str,
        dtype: DtypeName,
        device: str,
        quantize: Quantize | None = None,
        changes: Changes | None = None,
        without: Sequence[str] = (),
    ) -> Any:
        from emollama_hf.checkpoints.build import empty_network, ready
        from emollama_hf.tensors.random_weights import fill_randomly

        network = empty_network(part, self.config(part), dtype, quantize, without)
        fill_randomly(find_encoder(part).weights(network), device, changes)
        return ready(part, network, device)

    def _lora_file(self, part: str, name: str) -> Path:
        raise ModelError(
            f"{self.name} has no LoRA factors: its weights are random and were never trained. Convert a model, or "
            f"{NEW_LORA}."
        )

    def _load_kept(self, part: str, dtype: DtypeName, device: str) -> dict[str, Any]:
        from emollama_hf.checkpoints.build import empty_tensors
        from emollama_hf.tensors.random_weights import fill_randomly

        tensors = empty_tensors(part, self.config(part), dtype)
        fill_randomly(tensors, device)
        return dict(tensors.named_parameters())
