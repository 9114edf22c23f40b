"""What encoders of sound have in common: chosen hidden states of every frame of a clip, and their mean over time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


class SoundNetwork(nn.Module):
    """Frames of sounds of any lengths; a subclass says how a sound is divided and what one part becomes.

    Attributes:
        encoder: the model of transformers.
        width: length of a vector.
        depth: number of blocks: hidden states are counted from 0, before the first block, to this number.
        hop: samples from one frame to the next.
        receptive_field: samples that a sound must have.
    """

    encoder: Any
    width: int
    depth: int
    hop: int
    receptive_field: int

    @abstractmethod
    def frames(
        self, waves: Sequence[NDArray[np.float32]], layers: Sequence[int]
    ) -> Iterator[tuple[int, int, torch.Tensor]]:
        """(clip, first sample of the part, frames (n, D) float32) of every part of every clip, in any order."""

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
        for clip, _, frames in self.frames(waves, layers):
            sums[clip] = sums[clip] + frames.sum(dim=0)
            counts[clip] += len(frames)
        return torch.stack([torch.as_tensor(total) / count for total, count in zip(sums, counts, strict=True)])

    @torch.no_grad()
    def sequences(self, waves: Sequence[NDArray[np.float32]], layers: Sequence[int] = (-1,)) -> list[torch.Tensor]:
        """One vector a frame, 50 a second: what `embed` takes the mean of.

        Args:
            waves, layers: as in `embed`.

        Returns:
            (T, D) float32 for each clip; T is (samples - receptive_field) // hop + 1.
        """
        found: list[dict[int, torch.Tensor]] = [{} for _ in waves]
        for clip, begin, frames in self.frames(waves, layers):
            found[clip][begin] = frames
        return [torch.cat([of_clip[begin] for begin in sorted(of_clip)]) for of_clip in found]

    def summed_states(self, inputs: torch.Tensor, chosen: Sequence[int]) -> torch.Tensor:
        """Sum of hidden states of inputs of equal length: (B, frames, D) float32.

        Args:
            inputs: what the encoder takes, on its device and in its dtype.
            chosen: of `layer_numbers`.
        """
        earlier = any(layer < self.depth for layer in chosen)
        output = self.encoder(inputs, output_hidden_states=True) if earlier else self.encoder(inputs)
        # The last of transformers' `hidden_states` is before the final norm since version 5, and was after it.
        states = [output.hidden_states[i] if i < self.depth else output.last_hidden_state for i in chosen]
        total = states[0].float()
        for state in states[1:]:
            total = total + state.float()
        return total
