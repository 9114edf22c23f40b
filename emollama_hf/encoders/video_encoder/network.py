"""A video encoder of transformers: one vector a clip, or one for each time step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import transformers
from torch import nn

from emollama_hf.computing.device_copies import on_device
from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.video_encoder.frame_choice import chosen_frames

if TYPE_CHECKING:
    from emollama_hf.encoders.video_encoder.video_kind import VideoKind


class VideoNetwork(nn.Module):
    """Tokens of a clip, as transformers computes them on its own processor's pixels, and their means.

    Args:
        encoder: the model of transformers, without a head.
        kind: how its tokens lie.
        config: of the part.

    Attributes:
        width: length of a vector.
        frame_count: frames that the model takes; None for any multiple of `tubelet`.
        tubelet: frames of a time step.
        image_size: side of its pictures in pixels.
    """

    def __init__(self, encoder: Any, kind: VideoKind, config: Config) -> None:
        super().__init__()
        self.encoder = encoder
        self.kind = kind
        settings = config["settings"]
        self.width = kind.width(settings)
        self.frame_count, self.tubelet = kind.frame_count(settings), kind.tubelet(settings)
        self.image_size = kind.image_size(settings)
        given = {name: value for name, value in config["preprocessing"].items() if name != "offset"}
        self.processor = getattr(transformers, kind.processor)(**given)

    def blocks(self) -> list[nn.Module]:
        """The repeated layers in which the work is done."""
        return self.kind.blocks(self.encoder)

    def prepared(self, frames: np.ndarray) -> np.ndarray:
        """The model's input for a clip, by its own processor.

        Of more frames than the model takes, those in the middle of equal parts of the clip are chosen. A model that
        takes any number gets the largest multiple of its tubelet.

        Args:
            frames: (T, H, W, 3) uint8 RGB, of any size.

        Returns:
            (T', 3, S, S) float32.

        Raises:
            ValueError: the clip has fewer frames than the model takes, or its pictures do not become squares.
        """
        count = self.frame_count or max(self.tubelet, len(frames) // self.tubelet * self.tubelet)
        chosen = np.ascontiguousarray(frames[chosen_frames(len(frames), count)])
        # As a tensor, channels first: of an array the processor would guess which axis the channels are.
        clip = torch.from_numpy(chosen).movedim(-1, -3)
        (pixels,) = self.processor([clip], do_sample_frames=False, return_tensors="pt").values()
        values: np.ndarray = pixels[0].to(torch.float32).numpy()
        expected = (count, 3, self.image_size, self.image_size)
        if values.shape != expected:
            raise ValueError(f"the processor made {values.shape} of frames of {frames.shape}, expected {expected}")
        return values

    def embed(self, clips: Sequence[np.ndarray]) -> list[torch.Tensor]:
        """One vector a clip: its class token if the model has one, else the mean over its tokens.

        Args:
            clips: of `prepared`; those of as many frames are computed together.

        Returns:
            (D,) float32 for each.
        """
        first = self.kind.class_token
        return [tokens[0] if first else tokens.mean(dim=0) for tokens in self.all_tokens(clips)]

    def sequences(self, clips: Sequence[np.ndarray]) -> list[torch.Tensor]:
        """One vector a time step, the mean over its tokens.

        Args:
            clips: of `prepared`.

        Returns:
            (frames / tubelet, D) float32 for each.
        """
        return [
            self._by_time(tokens, len(clip) // self.tubelet)
            for tokens, clip in zip(self.all_tokens(clips), clips, strict=True)
        ]

    @torch.no_grad()
    def all_tokens(self, clips: Sequence[np.ndarray]) -> list[torch.Tensor]:
        """Clips of `prepared` to their tokens after the final norm if the model has one, (n, D) float32 each."""
        alike: dict[tuple[int, ...], list[int]] = {}
        for index, clip in enumerate(clips):
            alike.setdefault(clip.shape, []).append(index)
        found: dict[int, torch.Tensor] = {}
        for members in alike.values():
            tokens = self(torch.from_numpy(np.stack([clips[index] for index in members])))
            found.update(zip(members, tokens, strict=True))
        return [found[index] for index in range(len(clips))]

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """All tokens of clips of equal length: (B, T, 3, S, S) to (B, n, D) float32."""
        weight = next(self.encoder.parameters())
        inputs = on_device(pixels.numpy(), weight.device) if pixels.device.type == "cpu" else pixels
        tokens: torch.Tensor = self.kind.last_states(self.encoder, inputs.to(weight.dtype))
        return tokens.float()

    def _by_time(self, tokens: torch.Tensor, steps: int) -> torch.Tensor:
        tokens = tokens[1:] if self.kind.class_token else tokens
        if self.kind.order == "time, space":
            return tokens.unflatten(0, (steps, -1)).mean(dim=1)
        return tokens.unflatten(0, (-1, steps)).mean(dim=0)
