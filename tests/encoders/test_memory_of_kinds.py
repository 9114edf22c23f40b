"""Predicted memory of encoders of sound and video, against measured processes at real widths with random weights."""

from __future__ import annotations

from typing import Any

import pytest

from emollama_hf.checkpoints.memory import PART_BYTES, PROCESS_BYTES, activation_bytes, weight_bytes
from emollama_hf.encoders.kind_encoder import KindEncoder
from emollama_hf.encoders.sound_encoder.encoder import SoundEncoder
from emollama_hf.encoders.video_encoder.encoder import VideoEncoder

VIDEO, SOUND = VideoEncoder(), SoundEncoder()
LARGE = {"hidden_size": 1024, "num_attention_heads": 16, "intermediate_size": 4096}
WHISPER = {"d_model": 1280, "encoder_layers": 4, "encoder_attention_heads": 20, "encoder_ffn_dim": 5120}
#: Encoder, model_type, settings beside the defaults, clips together, and the largest resident memory in MB (float32).
MEASURED: list[tuple[KindEncoder, str, dict[str, Any], int, int]] = [
    (VIDEO, "videomae", {**LARGE, "num_hidden_layers": 24}, 1, 2492),
    (VIDEO, "videomae", {**LARGE, "num_hidden_layers": 6}, 4, 1917),
    (VIDEO, "vjepa2", {"num_hidden_layers": 6}, 1, 1552),
    (VIDEO, "timesformer", {}, 1, 1652),
    (VIDEO, "timesformer", {"num_hidden_layers": 4}, 4, 1655),
    (VIDEO, "vivit", {}, 1, 1754),
    (VIDEO, "vivit", {"num_hidden_layers": 4}, 1, 1484),
    (SOUND, "data2vec-audio", {"num_hidden_layers": 4}, 1, 1825),
    (SOUND, "wavlm", {"num_hidden_layers": 4}, 1, 1677),
    (SOUND, "whisper", {**WHISPER, "num_mel_bins": 128}, 1, 1516),
]


@pytest.mark.parametrize(("encoder", "model_type", "change", "clips", "measured"), MEASURED)
def test_predictions_are_near_what_was_measured_and_not_below(
    encoder: KindEncoder, model_type: str, change: dict[str, Any], clips: int, measured: int
) -> None:
    kind = encoder.kind({"model_type": model_type})
    preprocessing = {"feature_size": change["num_mel_bins"]} if "num_mel_bins" in change else {}
    config = kind.part(change, preprocessing, model_type)
    part = encoder.name
    loaded = PROCESS_BYTES + PART_BYTES + weight_bytes(part, config, "float32")
    predicted = (loaded + clips * activation_bytes(part, config, "float32")) / 1e6
    # The first convolution of base models, which have no biases and another norm, takes less than a large model's.
    assert measured <= predicted < (1.2 if encoder is SOUND else 1.12) * measured
