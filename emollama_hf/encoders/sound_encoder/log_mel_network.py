"""Whisper's encoder over the log-mel spectrograms of windows of a sound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import WhisperFeatureExtractor

from emollama_hf.computing.device_copies import on_device
from emollama_hf.encoders.hubert.config_json import SAMPLE_RATE
from emollama_hf.encoders.hubert.sound_network import SoundNetwork
from emollama_hf.encoders.sound_encoder.whisper_kind import MEL_FRAMES

#: Windows that a GPU takes together.
TOGETHER = 4


class LogMelNetwork(SoundNetwork):
    """Hidden states of an encoder that takes the log-mel spectrogram of a window of fixed length.

    A sound is computed in windows of 30 s, one after another, each with the features of the model's own feature
    extractor, which fills the last one with silence. Frames of this silence are left out: a sound of n samples has
    ceil(n / 320) frames, 50 a second. Attention sees the silence, as it does when Whisper transcribes.

    Args:
        encoder: transformers' WhisperEncoder.
        preprocessing: settings of WhisperFeatureExtractor.
    """

    def __init__(self, encoder: Any, preprocessing: Mapping[str, Any]) -> None:
        super().__init__()
        self.encoder = encoder
        self.features = WhisperFeatureExtractor(**preprocessing)
        self.width, self.depth = int(encoder.config.d_model), int(encoder.config.encoder_layers)
        self.hop = MEL_FRAMES * int(self.features.hop_length)
        self.receptive_field = 1  # (samples - 1) // hop + 1 frames: a frame begins with a sound's every 320th sample

    def blocks(self) -> list[nn.Module]:
        """The repeated layers in which the work is done."""
        return list(self.encoder.layers)

    def log_mel(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        """The encoder's input for a window: (T,) float32 to (mel, frames) float32. T is at most `n_samples`."""
        found = self.features(window, sampling_rate=SAMPLE_RATE, return_tensors="np")["input_features"][0]
        return np.asarray(found, np.float32)

    def forward(self, spectrograms: torch.Tensor, layers: Sequence[int] = (-1,)) -> torch.Tensor:
        """Sum of the chosen hidden states: (B, mel, 3000) log-mel to (B, 1500, D) float32."""
        chosen = self.layer_numbers(layers)
        weight = self.encoder.conv1.weight
        return self.summed_states(spectrograms.to(device=weight.device, dtype=weight.dtype), chosen)

    def frames(
        self, waves: Sequence[NDArray[np.float32]], layers: Sequence[int]
    ) -> Iterator[tuple[int, int, torch.Tensor]]:
        """(clip, first sample of the window, frames of its sound (n, D) float32) of every window of every clip."""
        length = int(self.features.n_samples)
        windows: list[tuple[int, int]] = []
        for clip, wave in enumerate(waves):
            if len(wave) < self.receptive_field:
                raise ValueError("a sound of 0 samples has no frame")
            windows += [(clip, begin) for begin in range(0, len(wave), length)]
        device = self.encoder.conv1.weight.device
        together = 1 if device.type == "cpu" else TOGETHER
        for at in range(0, len(windows), together):
            batch = windows[at : at + together]
            parts = [waves[clip][begin : begin + length] for clip, begin in batch]
            stacked = np.stack([self.log_mel(part) for part in parts])
            computed = self(on_device(stacked, device), layers)
            for (clip, begin), part, frames in zip(batch, parts, computed, strict=True):
                yield clip, begin, frames[: (len(part) - 1) // self.hop + 1]
