"""What every model source answers, wherever its weights come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emollama_hf.computing.number_types import DtypeName
from emollama_hf.encoders import find_encoder
from emollama_hf.encoders.adaptation import NEW_LORA, Adaptation, Changes, KeptLora
from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.prompt_tokenizer import PromptTokenizer
from emollama_hf.errors import ModelError
from emollama_hf.files.digest import combined
from emollama_hf.tensors.quantized import Quantize


class ModelSource(ABC):
    """A model by name: what it is is cheap to ask, its weights are read by `load` only.

    Nothing but `load` imports torch. A part that is missing raises `ModelError` when it is asked for.
    """

    is_random: bool = False

    def __init__(self, name: str, tokenizers: Mapping[str, PromptTokenizer] | None = None) -> None:
        self.name = name
        self._other_tokenizers = tokenizers or {}

    @property
    def commit(self) -> str | None:
        """The commit of a Hub repository, once a file was fetched; before, the revision asked for. None elsewhere."""
        return None

    @abstractmethod
    def config(self, part: str) -> Config:
        """The part's configuration as its config.json has it."""

    @abstractmethod
    def _weights_digest(self, part: str) -> str: ...

    @abstractmethod
    def _own_tokenizer(self, part: str) -> PromptTokenizer: ...

    @abstractmethod
    def _load(
        self,
        part: str,
        dtype: DtypeName,
        device: str,
        quantize: Quantize | None = None,
        changes: Changes | None = None,
        without: Sequence[str] = (),
    ) -> Any: ...

    @abstractmethod
    def _load_kept(self, part: str, dtype: DtypeName, device: str) -> dict[str, Any]: ...

    def width(self, part: str) -> int:
        """Length of the vectors that a part computes: 1024 of the face encoders at real size, 4096 of the decoder."""
        return find_encoder(part).width(self.config(part))

    def digest(self, part: str) -> str:
        """Identity of what the part computes: weights, configuration, the tokenizer if it has one.

        64 hexadecimal digits, the same wherever the files lie.
        """
        own = self._weights_digest(part)
        other = self._other_tokenizers.get(part)
        return own if other is None else combined(own, other.digest)

    def stored_tensors(self, part: str) -> dict[str, tuple[str, int]]:
        """Dtype, as safetensors names it, and bytes of each tensor in the part's files; empty if there are no files.

        On a CPU what is computed in that dtype stays in the files, mapped, and processes share it.
        """
        return {}

    def origin(self) -> dict[str, Any]:
        """What the weights were converted from, JSON-able: name, size and sha256 of each file; empty if not known."""
        return {}

    def tokenizer(self, part: str) -> PromptTokenizer:
        """A part's tokenizer, or the one that `open_model` was given. Raises ModelError if the part has none."""
        return self._other_tokenizers.get(part) or self._own_tokenizer(part)

    def load(
        self,
        part: str,
        *,
        dtype: DtypeName = "float32",
        device: str = "cpu",
        quantize: Quantize | None = None,
        changes: Changes | None = None,
        without: Sequence[str] = (),
    ) -> Any:
        """A part's network, ready to run.

        Args:
            part: name of the family of weights.
            dtype: the type that is computed in.
            device: a torch device.
            quantize: what its linear layers keep their weights in, if the family quantizes them.
            changes: by a tensor's name in the part's files, what computes its values from those in the files. It is
                called with the tensor as it is stored (float32 for random weights) on `device`, which may be mapped
                from a file and must not be written to; the result, of the same shape, is cast or quantized
                afterwards.
            without: submodules that are not loaded, such as ("vision_model",): each is None in the network, and its
                tensors in the files are ignored, whatever they are. What is left is loaded as strictly as ever.

        Raises:
            ModelError: a part, a file or a tensor is missing, unexpected, misshapen or unusable.
            ValueError: `changes` or `without` name what the network does not have.

        Example:
            >>> open_model("random-tiny").load("emotion_llama", without=("vision_model",)).vision_model is None
            True
        """
        return self._load(part, dtype, device, quantize, changes, without)

    def load_kept(self, part: str, *, dtype: DtypeName = "float32", device: str = "cpu") -> dict[str, Any]:
        """Tensors that a part's files hold and its network does not use, as `Encoder.kept` names them.

        Args:
            part: name of the family of weights.
            dtype: the type that is computed in; these tensors take the one of matrix products.
            device: a torch device.

        Raises:
            ModelError: the files do not hold all of them, or in other shapes.
        """
        return self._load_kept(part, dtype, device)

    def load_lora(self, part: str) -> KeptLora:
        """The LoRA factors that are merged into a part's weights, so that training can go on from them.

        Args:
            part: name of the family of weights.

        Raises:
            ModelError: the model does not have them: it is random, or was converted before they were kept.
        """
        adaptation = find_encoder(part).adaptation
        if adaptation is None:
            raise ModelError(f"{part} has no LoRA: adapters of this family are unknown. Name another part.")
        return self._load_lora(part, adaptation)

    def _load_lora(self, part: str, adaptation: Adaptation) -> KeptLora:
        return adaptation.kept_lora(self._lora_file(part, adaptation.lora_file), self.config(part))

    def _lora_file(self, part: str, name: str) -> Path:
        raise ModelError(f"{self.name} has no LoRA factors. Name a converted model, or {NEW_LORA}.")
