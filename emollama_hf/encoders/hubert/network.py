"""HuBERT, wav2vec 2.0 or WavLM: hidden states of a clip's sound, and their mean over time."""

from __future__ import annotations

from typing import Any

from transformers import HubertConfig, HubertModel, Wav2Vec2Config, Wav2Vec2Model, WavLMConfig, WavLMModel

from emollama_hf.encoders.hubert.config_json import INFERENCE, Config
from emollama_hf.encoders.hubert.waveform_network import WaveformNetwork

_CLASSES: dict[str, tuple[Any, Any]] = {
    "hubert": (HubertConfig, HubertModel),
    "wav2vec2": (Wav2Vec2Config, Wav2Vec2Model),
    "wavlm": (WavLMConfig, WavLMModel),
}


class Hubert(WaveformNetwork):
    """Mean over time of chosen hidden states of an encoder of speech.

    Source: Emotion-LLaMA, `conversation.py`: the last hidden state of chinese-hubert-large, mean over time; of several
    layers the sum. Differences: those of `WaveformNetwork`, fused attention and pieces of sounds longer than 30 s.
    """

    @classmethod
    def from_config(cls, config: Config) -> Hubert:
        """An encoder of this architecture; its weights are to be filled in."""
        sizes = {name: value for name, value in config.items() if name != "do_normalize"} | INFERENCE
        config_class, model_class = _CLASSES[sizes.pop("model_type", "hubert")]
        attention = "sdpa" if model_class._supports_sdpa else "eager"
        encoder = model_class._from_config(config_class(**sizes), attn_implementation=attention)
        return cls(encoder, config.get("do_normalize", True))
