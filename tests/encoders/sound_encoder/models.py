"""Tiny encoders of speech of each kind, as transformers builds and saves them, with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    Data2VecAudioConfig,
    Data2VecAudioModel,
    HubertConfig,
    HubertModel,
    PreTrainedModel,
    UniSpeechConfig,
    UniSpeechModel,
    UniSpeechSatConfig,
    UniSpeechSatModel,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2Model,
    WavLMConfig,
    WavLMModel,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperModel,
)

_SPEECH: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "conv_dim": [24] * 7,
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
}
_LARGE = {**_SPEECH, "feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True}
WHISPER: dict[str, Any] = {
    "d_model": 32,
    "encoder_layers": 2,
    "encoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_layers": 1,
    "decoder_attention_heads": 2,
    "decoder_ffn_dim": 8,
    "num_mel_bins": 80,
    "vocab_size": 8,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "decoder_start_token_id": 0,
    "max_target_positions": 4,
}
#: Models and their feature extractors by name.
MODELS: dict[str, tuple[Any, Any, Any]] = {
    "hubert": (HubertModel, HubertConfig(**_SPEECH), Wav2Vec2FeatureExtractor(do_normalize=True)),
    "wav2vec2": (Wav2Vec2Model, Wav2Vec2Config(**_LARGE), Wav2Vec2FeatureExtractor(do_normalize=True)),
    "wav2vec2 base": (Wav2Vec2Model, Wav2Vec2Config(**_SPEECH), Wav2Vec2FeatureExtractor(do_normalize=False)),
    "wavlm": (WavLMModel, WavLMConfig(**_LARGE), Wav2Vec2FeatureExtractor(do_normalize=True)),
    "unispeech": (UniSpeechModel, UniSpeechConfig(**_LARGE), Wav2Vec2FeatureExtractor(do_normalize=True)),
    "unispeech-sat": (UniSpeechSatModel, UniSpeechSatConfig(**_SPEECH), Wav2Vec2FeatureExtractor(do_normalize=False)),
    "data2vec-audio": (
        Data2VecAudioModel,
        Data2VecAudioConfig(**{**_SPEECH, "num_conv_pos_embeddings": 2, "conv_pos_kernel_size": 7}),
        Wav2Vec2FeatureExtractor(do_normalize=True),
    ),
    "whisper": (WhisperModel, WhisperConfig(**WHISPER), WhisperFeatureExtractor(feature_size=80)),
}
#: Those that read the waveform.
SPEECH = [name for name in MODELS if name != "whisper"]


def original(name: str, seed: int = 0) -> tuple[PreTrainedModel, Any]:
    """A model of transformers whose every weight is random, norms and biases included, and its feature extractor."""
    model_class, config, features = MODELS[name]
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        model = model_class(config).eval()
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)
    return model, features


def saved(model: PreTrainedModel, features: Any, path: Path) -> Path:
    """A directory as transformers writes it."""
    model.save_pretrained(path)
    features.save_pretrained(path)
    return path
