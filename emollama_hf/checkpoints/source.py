"""What every model source answers, wherever its weights come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Literal

from emollama_hf.checkpoints.architecture import facemae_width, feature_size, hidden_size, videomae_width, visual_tokens
from emollama_hf.computing.number_types import DtypeName
from emollama_hf.encoders.emotion_llama.prompt import PromptTokenizer
from emollama_hf.files.digest import combined
from emollama_hf.tensors.quantized import Quantize

if TYPE_CHECKING:
    from emollama_hf.models import EmotionLlamaModel, FaceMAE, VideoMAE

Part = Literal["facemae", "videomae", "emotion_llama"]

PARTS: tuple[Part, ...] = ("facemae", "videomae", "emotion_llama")


class ModelSource(ABC):
    """A model by name: what it is is cheap to ask, its weights are read by the `load_*` methods only.

    Nothing but `load_*` imports torch. A part that is missing raises `ModelError` when it is asked for.
    """

    is_random: bool = False

    def __init__(self, name: str, tokenizer: PromptTokenizer | None = None) -> None:
        self.name = name
        self._other_tokenizer = tokenizer

    @property
    def commit(self) -> str | None:
        """The commit of a Hub repository, once a file was fetched; before, the revision asked for. None elsewhere."""
        return None

    @abstractmethod
    def config(self, part: Part) -> dict[str, Any]:
        """The part's configuration as its config.json has it."""

    @abstractmethod
    def _weights_digest(self, part: Part) -> str: ...

    @abstractmethod
    def _own_tokenizer(self) -> PromptTokenizer: ...

    @abstractmethod
    def _load(self, part: Part, dtype: DtypeName, device: str, quantize: Quantize | None = None) -> Any: ...

    def feature_width(self, part: Literal["facemae", "videomae"]) -> int:
        """Length of an encoder's clip feature, 1024 at real size."""
        config = self.config(part)
        return facemae_width(config) if part == "facemae" else videomae_width(config)

    def feature_size(self) -> int:
        """Length of the clip features that the decoder's projections take."""
        return feature_size(self.config("emotion_llama"))

    def hidden_size(self) -> int:
        """Width of the decoder's hidden states, 4096 at real size."""
        return hidden_size(self.config("emotion_llama"))

    def visual_tokens(self, features: int) -> int:
        """Visual tokens of one clip with 2 (fork) or 3 (upstream) clip features: 259 or 260 at real size."""
        return visual_tokens(self.config("emotion_llama"), features)

    def digest(self, part: Part) -> str:
        """Identity of what the part computes: weights, configuration, for the decoder the tokenizer too.

        64 hexadecimal digits, the same wherever the files lie.
        """
        own = self._weights_digest(part)
        if part == "emotion_llama" and self._other_tokenizer is not None:
            return combined(own, self._other_tokenizer.digest)
        return own

    def stored_tensors(self, part: Part) -> dict[str, tuple[str, int]]:
        """Dtype, as safetensors names it, and bytes of each tensor in the part's files; empty if there are no files.

        On a CPU what is computed in that dtype stays in the files, mapped, and processes share it.
        """
        return {}

    def origin(self) -> dict[str, Any]:
        """What the weights were converted from, JSON-able: name, size and sha256 of each file; empty if not known."""
        return {}

    def tokenizer(self) -> PromptTokenizer:
        """The decoder's tokenizer, or the one that `open_model` was given."""
        return self._other_tokenizer or self._own_tokenizer()

    def load_facemae(self, *, dtype: DtypeName = "float32", device: str = "cpu") -> FaceMAE:
        """The face encoder, ready to run."""
        model: FaceMAE = self._load("facemae", dtype, device)
        return model

    def load_videomae(self, *, dtype: DtypeName = "float32", device: str = "cpu") -> VideoMAE:
        """The video encoder, ready to run."""
        model: VideoMAE = self._load("videomae", dtype, device)
        return model

    def load_emotion_llama(
        self, *, dtype: DtypeName = "float32", device: str = "cpu", quantize: Quantize | None = None
    ) -> EmotionLlamaModel:
        """Image encoder, projections and decoder, ready to run; the decoder's linear layers in `quantize`."""
        model: EmotionLlamaModel = self._load("emotion_llama", dtype, device, quantize)
        return model
