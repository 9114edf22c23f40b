"""Encoders that take a waveform and divide it by convolutions: HuBERT, wav2vec 2.0, WavLM and their relatives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from emollama_hf.computing.device_copies import on_device
from emollama_hf.encoders.hubert.config_json import PIECE_S, SAMPLE_RATE, depth, hop, receptive_field, width
from emollama_hf.encoders.hubert.pieces import Piece, pieces
from emollama_hf.encoders.hubert.sound_network import SoundNetwork
from emollama_hf.encoders.hubert.whole_norm import channel_moments, use_whole_norm, with_moments

#: Seconds of sound of equal pieces that a GPU takes together. The first convolution has 102 thousand values a second.
TOGETHER_S = 120

#: What transformers adds to the variance before it divides by its root.
_VARIANCE_EPS = 1e-7
_NORMALISED_AT_ONCE = 2**20


class WaveformNetwork(SoundNetwork):
    """Hidden states of an encoder of speech over a waveform.

    Args:
        encoder: transformers' HubertModel, Wav2Vec2Model, WavLMModel, or another with their modules.
        do_normalize: whether each waveform is brought to mean 0 and variance 1 before.

    Attention is fused where transformers can fuse it (not in WavLM), and a sound longer than 30 s is computed in pieces
    of 30 s that overlap by 10 s or more. Measured on 40 to 200 s with random weights, which attend everywhere alike:
    the vector of even speech moves by up to 1 % of its spread (root mean square), that of a sound that turns from
    speech to silence to noise by up to 33 %. Published weights were not measured.
    """

    def __init__(self, encoder: Any, do_normalize: bool = True) -> None:
        super().__init__()
        self.encoder = encoder
        self.do_normalize = do_normalize
        self._norm_over_time = use_whole_norm(encoder)
        sizes = encoder.config.to_dict()
        self.width, self.depth = width(sizes), depth(sizes)
        self.hop, self.receptive_field = hop(sizes), receptive_field(sizes)

    def blocks(self) -> list[nn.Module]:
        """The repeated layers in which the work is done."""
        return list(self.encoder.encoder.layers)

    def normalised(self, wave: NDArray[np.float32]) -> NDArray[np.float32]:
        """The encoder's input for a waveform: mean 0 and variance 1, if its weights were trained so.

        Args:
            wave: (T,) float32 in [-1, 1], 16,000 samples a second.

        Returns:
            (T,) float32. The moments are computed in float64, as transformers does for samples of float64.
        """
        if not self.do_normalize or not len(wave):
            return wave
        parts = [wave[at : at + _NORMALISED_AT_ONCE] for at in range(0, len(wave), _NORMALISED_AT_ONCE)]
        mean = sum(float(part.sum(dtype=np.float64)) for part in parts) / len(wave)
        variance = sum(float(np.square(part - mean, dtype=np.float64).sum()) for part in parts) / len(wave)
        scale = 1 / np.sqrt(variance + _VARIANCE_EPS)
        return np.concatenate([((part.astype(np.float64) - mean) * scale).astype(np.float32) for part in parts])

    def forward(self, waves: torch.Tensor, layers: Sequence[int] = (-1,)) -> torch.Tensor:
        """Sum of the chosen hidden states of waveforms of equal length: (B, T) normalised to (B, frames, D) float32."""
        chosen = self.layer_numbers(layers)
        weight = self.encoder.feature_projection.projection.weight
        return self.summed_states(waves.to(device=weight.device, dtype=weight.dtype), chosen)

    def frames(
        self, waves: Sequence[NDArray[np.float32]], layers: Sequence[int]
    ) -> Iterator[tuple[int, int, torch.Tensor]]:
        """(clip, first sample of the piece, kept frames (n, D) float32) of every piece of every clip, in any order.

        Only pieces of equal length share a batch: padding would change the group norm of the first convolution, and
        masks what attention computes.
        """
        alike: dict[tuple[int, bool], list[tuple[int, Piece]]] = {}
        moments: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        inputs: list[NDArray[np.float32]] = []
        weight = self.encoder.feature_projection.projection.weight
        for clip, wave in enumerate(waves):
            inputs.append(self.normalised(wave))
            cut = self._pieces(len(wave))
            if self._norm_over_time and len(cut) > 1:
                whole = on_device(inputs[clip], weight.device).to(weight.dtype)
                moments[clip] = channel_moments(self.encoder, whole)
            for piece in cut:
                alike.setdefault((piece.end - piece.begin, clip in moments), []).append((clip, piece))
        for (length, _), members in alike.items():
            together = 1 if weight.device.type == "cpu" else max(1, TOGETHER_S * SAMPLE_RATE // length)
            for at in range(0, len(members), together):
                batch = members[at : at + together]
                stacked = np.stack([inputs[clip][piece.begin : piece.end] for clip, piece in batch])
                with with_moments([moments[clip] for clip, _ in batch if clip in moments]):
                    computed = self(on_device(stacked, weight.device), layers)
                for (clip, piece), frames in zip(batch, computed, strict=True):
                    yield clip, piece.begin, frames[piece.first : piece.last]

    def _pieces(self, samples: int) -> list[Piece]:
        most = max(1, PIECE_S * SAMPLE_RATE // self.hop)
        return pieces(samples, hop=self.hop, receptive_field=self.receptive_field, most_frames=most)
