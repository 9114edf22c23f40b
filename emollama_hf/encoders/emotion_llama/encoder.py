"""Emotion-LLaMA, as the rest of the package knows it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emollama_hf.encoders.blocks import block_values
from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.emotion_llama.adaptation import EmotionLlamaAdaptation
from emollama_hf.encoders.emotion_llama.config_json import (
    FULL,
    TINY,
    feature_size,
    hidden_size,
    image_size,
    patches,
    patches_per_token,
    visual_tokens,
)
from emollama_hf.encoders.emotion_llama.config_keys import KEYS, misfits
from emollama_hf.encoders.emotion_llama.conversion import EmotionLlamaConversion
from emollama_hf.encoders.emotion_llama.tokenizer import TOKENIZER_FILES, LlamaTokenizer
from emollama_hf.encoders.encoder import Activations, Encoder
from emollama_hf.encoders.prompt_tokenizer import PromptTokenizer
from emollama_hf.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

    from emollama_hf.encoders.emotion_llama.network import EmotionLlamaModel

#: The projection of hidden states to scores of the vocabulary's pieces.
LANGUAGE_HEAD = "lm_head.weight"
#: Tokens of the prompt and its frame beside the visual ones, and room for a longer instruction.
_PROMPT_TOKENS = 100
#: Values a token beside the inner ones, in units of the width, as measured.
_WIDTHS = 2
#: The decoder's inner values, in units of its inner width: gate, its activation, the other half and their product.
_DECODER_INNER = 4


class EmotionLlamaEncoder(Encoder):
    """Emotion-LLaMA: hidden states of a language model that sees the clip."""

    name = "emotion_llama"
    keys = KEYS
    tiny, full = TINY, FULL
    conversion = EmotionLlamaConversion()
    adaptation = EmotionLlamaAdaptation()
    mixes_types = True
    quantizes = True
    beside = ("facemae", "videomae")
    unused = (r"^lm_head\.",)  # for generation, see `kept`
    tokenizer_files = TOKENIZER_FILES

    def width(self, config: Config) -> int:
        return hidden_size(config)

    def misfits(self, config: Config) -> list[str]:
        return misfits(config)

    def takes(self, config: Config) -> Mapping[str, int]:
        return dict.fromkeys(("facemae", "videomae", "hubert"), feature_size(config))

    def result(self, config: Config) -> str:
        visual = visual_tokens(config, 2)
        return f"(L, {hidden_size(config)}) hidden states, {visual} visual tokens in layout fork"

    def network(self, config: Config) -> EmotionLlamaModel:
        from emollama_hf.encoders.emotion_llama.configuration import EmotionLlamaConfig
        from emollama_hf.encoders.emotion_llama.network import EmotionLlamaModel

        return EmotionLlamaModel(EmotionLlamaConfig(**config))

    def use_float32_stream(self, network: Any) -> None:
        from emollama_hf.encoders.emotion_llama.float32_stream import use_float32_stream

        if network.vision_model is not None:
            use_float32_stream(network.vision_model)

    def quantizable(self, network: Any) -> nn.Module | None:
        layers: nn.Module | None = None if network.language_model is None else network.language_model.layers
        return layers

    def kept(self, config: Config) -> dict[str, tuple[int, ...]]:
        """The language head, (vocabulary, hidden); none where the table of embeddings serves as one."""
        text = config.get("text_config", {})
        if text.get("tie_word_embeddings", False):
            return {}
        return {LANGUAGE_HEAD: (int(text.get("vocab_size", 32_000)), hidden_size(config))}

    def complete(self, network: Any, device: str) -> None:
        """Rotary frequencies are in no checkpoint and were on the meta device with the rest.

        They are computed again, in float32 whatever the dtype of the weights: rounded ones would turn late positions
        too far.
        """
        from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

        if network.language_model is None:
            return
        network.language_model.rotary_emb = LlamaRotaryEmbedding(network.config.text_config).to(device)

    def activations(self, config: Config, stream_ratio: int) -> Activations:
        # transformers' defaults stand for sizes that a configuration leaves out.
        vision, text = config.get("vision_config", {}), config.get("text_config", {})
        tokens, width = patches(config) + 1, int(vision.get("hidden_size", 1408))
        image = block_values(tokens, width, int(vision.get("intermediate_size", 6144)), _WIDTHS)
        image += (stream_ratio - 1) * tokens * _WIDTHS * width  # a stream that is wider than the products
        length = patches(config) // patches_per_token(config) + 4 + _PROMPT_TOKENS
        inner = int(text.get("intermediate_size", 11008))
        decoder = length * (_WIDTHS * hidden_size(config) + _DECODER_INNER * inner)
        return Activations(max(image, decoder), inputs=3 * image_size(config) ** 2)

    def settings_files(self, config: Config) -> dict[str, Mapping[str, Any]]:
        from emollama_hf.encoders.emotion_llama.processor import processor_settings

        tokens = patches(config) // patches_per_token(config)
        return {"processor_config.json": processor_settings(image_size(config), tokens)}

    def copied_files(self, source: Path) -> list[Path]:
        found = super().copied_files(source)
        if source / "tokenizer.model" not in found:
            raise ModelError(
                f"{source} has no tokenizer.model, expected a Llama directory with its tokenizer. Fetch the missing "
                "file."
            )
        return found

    def tokenizer(self, folder: Path) -> PromptTokenizer:
        return LlamaTokenizer(folder)

    def random_tokenizer(self, *, any_text: bool) -> PromptTokenizer:
        from emollama_hf.encoders.emotion_llama.recorded_tokenizer import RecordedTokenizer

        return RecordedTokenizer(bytes_for_the_rest=any_text)
