"""Whisper's encoder: settings of config.json and of the feature extractor. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emollama_hf.encoders.blocks import block_values
from emollama_hf.encoders.config_checks import (
    ACTIVATION,
    DEPTH,
    FLAG,
    HEADS,
    INNER_WIDTH,
    WIDTH,
    Config,
    number,
    one_of,
    whole,
)
from emollama_hf.encoders.encoder import Activations
from emollama_hf.encoders.hubert.config_json import SAMPLE_RATE
from emollama_hf.encoders.model_kind import ModelKind

if TYPE_CHECKING:
    from torch import nn

#: Frames of the log-mel spectrogram that become one frame of the encoder: the stride of its second convolution.
MEL_FRAMES = 2
#: Values a frame beside the inner ones, in units of the width, as measured on a CPU.
_WIDTHS = 8


class WhisperKind(ModelKind):
    """The encoder of Whisper without the decoder."""

    def width(self, settings: Mapping[str, Any]) -> int:
        return int(settings["d_model"])

    def misfits(self, settings: Mapping[str, Any], preprocessing: Mapping[str, Any]) -> list[str]:
        wrong = []
        if settings["d_model"] % settings["encoder_attention_heads"]:
            heads = settings["encoder_attention_heads"]
            wrong.append(f"d_model={settings['d_model']}, which encoder_attention_heads={heads} does not divide")
        if settings["num_mel_bins"] != preprocessing["feature_size"]:
            wrong.append(f"num_mel_bins={settings['num_mel_bins']}, and feature_size={preprocessing['feature_size']}")
        if preprocessing["feature_size"] > preprocessing["n_fft"] // 2 + 1:
            wrong.append(f"feature_size={preprocessing['feature_size']}, and n_fft={preprocessing['n_fft']}")
        frames = preprocessing["chunk_length"] * SAMPLE_RATE / (MEL_FRAMES * preprocessing["hop_length"])
        if frames != settings["max_source_positions"]:
            wrong.append(
                f"max_source_positions={settings['max_source_positions']}, and {frames:g} frames in "
                f"chunk_length={preprocessing['chunk_length']} s with hop_length={preprocessing['hop_length']}"
            )
        return wrong

    def activations(self, settings: Mapping[str, Any]) -> Activations:
        frames = settings["max_source_positions"]
        values = block_values(frames, settings["d_model"], settings["encoder_ffn_dim"], _WIDTHS)
        return Activations(values, inputs=MEL_FRAMES * frames * settings["num_mel_bins"])

    def library_class(self) -> Any:
        from transformers.models.whisper.modeling_whisper import WhisperEncoder

        return WhisperEncoder

    def around(self, model: Any, config: Config) -> nn.Module:
        from emollama_hf.encoders.sound_encoder.log_mel_network import LogMelNetwork

        return LogMelNetwork(model, config["preprocessing"])


WHISPER = WhisperKind(
    "whisper",
    "WhisperEncoder",
    keys={
        "d_model": WIDTH,
        "encoder_layers": DEPTH,
        "encoder_attention_heads": HEADS,
        "encoder_ffn_dim": INNER_WIDTH,
        "num_mel_bins": whole(1, 1024),
        "max_source_positions": whole(1, 65_536),
        "activation_function": ACTIVATION,
        "scale_embedding": FLAG,
    },
    defaults={
        "d_model": 384,
        "encoder_layers": 4,
        "encoder_attention_heads": 6,
        "encoder_ffn_dim": 1536,
        "num_mel_bins": 80,
        "max_source_positions": 1500,
        "activation_function": "gelu",
        "scale_embedding": False,
    },
    preprocessing_keys={
        "feature_size": whole(1, 1024),
        "sampling_rate": one_of(SAMPLE_RATE),
        "hop_length": whole(1, 16_000),
        "chunk_length": whole(1, 600),
        "n_fft": whole(2, 65_536),
        "padding_value": number(-1e6, 1e6),
        "dither": one_of(0, 0.0),  # noise: features would differ from call to call
    },
    preprocessing_defaults={
        "feature_size": 80,
        "sampling_rate": SAMPLE_RATE,
        "hop_length": 160,
        "chunk_length": 30,
        "n_fft": 400,
        "padding_value": 0.0,
        "dither": 0.0,
    },
)
