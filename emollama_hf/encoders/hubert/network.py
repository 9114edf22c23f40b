"""HuBERT, wav2vec 2.0 or WavLM: hidden states of a clip's sound, and their mean over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import HubertConfig, HubertModel, Wav2Vec2Config, Wav2Vec2Model, WavLMConfig, WavLMModel

from emollama_hf.encoders.hubert.config_json import (
    INFERENCE,
    PIECE_S,
    SAMPLE_RATE,
    Config,
    depth,
    hop,
    receptive_field,
    width,
)
from emollama_hf.encoders.hubert.pieces import Piece, pieces
from emollama_hf.encoders.hubert.whole_norm import channel_moments, use_whole_norm, with_moments
from emollama_hf.encoders.scaling import on_device

#: Seconds of sound of equal pieces that a GPU takes together. The first convolution has 102 thousand values a second.
TOGETHER_S = 120

#: What transformers adds to the variance before it divides by its root.
_VARIANCE_EPS = 1e-7
_NORMALISED_AT_ONCE = 2**20
_CLASSES: dict[str, tuple[Any, Any]] = {
    "hubert": (HubertConfig, HubertModel),
    "wav2vec2": (Wav2Vec2Config, Wav2Vec2Model),
    "wavlm": (WavLMConfig, WavLMModel),
}


class Hubert(nn.Module):
    """Mean over time of chosen hidden states of an encoder of speech.

    Args:
        encoder: transformers' HubertModel, Wav2Vec2Model or WavLMModel.
        do_normalize: whether each waveform is brought to mean 0 and variance 1 before.

    Source: Emotion-LLaMA, `conversation.py`: the last hidden state of chinese-hubert-large, mean over time; of several
    layers the sum. Differences: attention is fused where transformers can fuse it (not in WavLM), and a sound longer
    than 30 s is computed in pieces of 30 s that overlap by 10 s or more. Measured on 40 to 200 s with random weights,
    which attend everywhere alike: the vector of even speech moves by up to 1 % of its spread (root mean square), that
    of a sound that turns from speech to silence to noise by up to 33 %. Published weights were not measured.
    """

    def __init__(self, encoder: HubertModel | Wav2Vec2Model | WavLMModel, do_normalize: bool = True) -> None:
        super().__init__()
        self.encoder = encoder
        self.do_normalize = do_normalize
        self._norm_over_time = use_whole_norm(encoder)
        sizes = encoder.config.to_dict()
        self.width, self.depth = width(sizes), depth(sizes)
        self.hop, self.receptive_field = hop(sizes), receptive_field(sizes)

    @classmethod
    def from_config(cls, config: Config) -> Hubert:
        """An encoder of this architecture; its weights are to be filled in."""
        sizes = {name: value for name, value in config.items() if name != "do_normalize"} | INFERENCE
        config_class, model_class = _CLASSES[sizes.pop("model_type", "hubert")]
        attention = "sdpa" if model_class._supports_sdpa else "eager"
        encoder = model_class._from_config(config_class(**sizes), attn_implementation=attention)
        return cls(encoder, config.get("do_normalize", True))

    def blocks(self) -> list[nn.Module]:
        """The repeated layers in which the work is done."""
        return list(self.encoder.encoder.layers)

    def layer_numbers(self, layers: Sequence[int]) -> list[int]:
        """Chosen hidden states, counted from 0 (before the first block) to `depth` (after the last block and norm).

        Args:
            layers: numbers as transformers' `hidden_states` has them; -1 is the last.

        Raises:
            ValueError: names the numbers that there are, for another one and for none at all.
        """
        states = self.depth + 1
        if not layers or any(not -states <= layer < states for layer in layers):
            raise ValueError(f"layers={tuple(layers)}: expected at least one number from {-states} to {states - 1}")
        return [layer % states for layer in layers]

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

    @torch.no_grad()
    def embed(self, waves: Sequence[NDArray[np.float32]], layers: Sequence[int] = (-1,)) -> torch.Tensor:
        """One vector a clip.

        Args:
            waves: (T,) float32 in [-1, 1] each, 16,000 samples a second, of any lengths from `receptive_field` on.
            layers: hidden states whose sum is taken.

        Returns:
            (B, D) float32.

        Raises:
            ValueError: a sound is shorter than a frame, or there is no such layer.
        """
        sums: list[torch.Tensor | int] = [0] * len(waves)
        counts = [0] * len(waves)
        for clip, _, frames in self._frames(waves, layers):
            sums[clip] = sums[clip] + frames.sum(dim=0)
            counts[clip] += len(frames)
        return torch.stack([torch.as_tensor(total) / count for total, count in zip(sums, counts, strict=True)])

    @torch.no_grad()
    def sequences(self, waves: Sequence[NDArray[np.float32]], layers: Sequence[int] = (-1,)) -> list[torch.Tensor]:
        """One vector a frame, 50 a second: what `embed` takes the mean of.

        Args:
            waves, layers: as in `embed`.

        Returns:
            (T, D) float32 for each clip; T is (samples - 400) // 320 + 1 with the convolutions of all published models.
        """
        found: list[dict[int, torch.Tensor]] = [{} for _ in waves]
        for clip, begin, frames in self._frames(waves, layers):
            found[clip][begin] = frames
        return [torch.cat([of_clip[begin] for begin in sorted(of_clip)]) for of_clip in found]

    def forward(self, waves: torch.Tensor, layers: Sequence[int] = (-1,)) -> torch.Tensor:
        """Sum of the chosen hidden states of waveforms of equal length: (B, T) normalised to (B, frames, D) float32."""
        chosen = self.layer_numbers(layers)
        weight = self.encoder.feature_projection.projection.weight
        waves = waves.to(device=weight.device, dtype=weight.dtype)
        earlier = any(layer < self.depth for layer in chosen)
        output = self.encoder(waves, output_hidden_states=True) if earlier else self.encoder(waves)
        # The last of transformers' `hidden_states` is before the final norm since version 5, and was after it.
        states = [output.hidden_states[i] if i < self.depth else output.last_hidden_state for i in chosen]
        total = states[0].float()
        for state in states[1:]:
            total = total + state.float()
        return total

    def _frames(
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
