"""A kind of video encoder: how many frames it takes, and how its tokens lie. No torch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from emollama_hf.encoders.blocks import block_values
from emollama_hf.encoders.config_checks import Config, one_side
from emollama_hf.encoders.encoder import Activations
from emollama_hf.encoders.model_kind import ModelKind
from emollama_hf.encoders.video_encoder.preprocessing import side_of

if TYPE_CHECKING:
    from torch import nn

#: Frames of the clips that the face stage makes.
FRAMES = 16
#: Numbers that a table of positions has at most: those of the published models have 4.8 million.
_MAX_POSITION_VALUES = 16 * 2**20


@dataclass(frozen=True)
class VideoKind(ModelKind):
    """A `model_type` of encoders of video.

    Attributes:
        processor: transformers' class of its preprocessing.
        size_name: of the setting that has the side of a picture.
        class_token: whether the first token stands for the clip.
        order: of the other tokens: the slowest index first.
        widths: values a token at the peak beside the inner ones, in units of the width, as measured on a CPU.
    """

    processor: str = ""
    size_name: str = "image_size"
    class_token: bool = False
    order: Literal["time, space", "space, time"] = "time, space"
    widths: int = 8

    @abstractmethod
    def frame_count(self, settings: Mapping[str, Any]) -> int | None:
        """Frames that the model takes; None for any multiple of `tubelet`."""

    @abstractmethod
    def tubelet(self, settings: Mapping[str, Any]) -> int:
        """Frames of a time step."""

    @abstractmethod
    def patch(self, settings: Mapping[str, Any]) -> int:
        """Side of a patch in pixels."""

    @abstractmethod
    def inner_width(self, settings: Mapping[str, Any]) -> int:
        """Width between the two layers of a block."""

    def width(self, settings: Mapping[str, Any]) -> int:
        return int(settings["hidden_size"])

    def image_size(self, settings: Mapping[str, Any]) -> int:
        """Side of a picture in pixels."""
        return one_side(settings[self.size_name])

    def patches(self, settings: Mapping[str, Any]) -> int:
        """Tokens of a time step."""
        return (self.image_size(settings) // self.patch(settings)) ** 2

    def tokens(self, settings: Mapping[str, Any], frames: int) -> int:
        """Tokens of a clip of that many frames."""
        return frames // self.tubelet(settings) * self.patches(settings) + self.class_token

    def misfits(self, settings: Mapping[str, Any], preprocessing: Mapping[str, Any]) -> list[str]:
        size, patch, tubelet = self.image_size(settings), self.patch(settings), self.tubelet(settings)
        frames = self.frame_count(settings) or tubelet
        heads = settings["num_attention_heads"]
        divided = (
            (self.size_name, size, "the patch size", patch),
            ("hidden_size", self.width(settings), "num_attention_heads", heads),
            ("the number of frames", frames, "the tubelet size", tubelet),
        )
        wrong = [
            f"{name}={total}, which {other}={part} does not divide"
            for name, total, other, part in divided
            if total % part
        ]
        values = self.tokens(settings, frames) * self.width(settings)
        if values > _MAX_POSITION_VALUES:
            wrong.append(f"{values:,} values of positions (expected at most {_MAX_POSITION_VALUES:,})")
        side = side_of(preprocessing)
        if side != size:
            found = "no square of fixed size" if side is None else f"{side} pixels a side"
            wrong.append(f"{self.size_name}={size}, and the preprocessing gives {found}")
        return wrong

    def activations(self, settings: Mapping[str, Any]) -> Activations:
        frames = self.frame_count(settings) or FRAMES
        tokens = self.tokens(settings, frames)
        values = block_values(tokens, self.width(settings), self.inner_width(settings), self.widths)
        inputs = frames * 3 * self.image_size(settings) ** 2
        return Activations(values + self.attention_values(settings), inputs=inputs)

    def attention_values(self, settings: Mapping[str, Any]) -> int:
        """Values of attention matrices that exist at once; none where attention is fused."""
        return 0

    def around(self, model: Any, config: Config) -> nn.Module:
        from emollama_hf.encoders.video_encoder.network import VideoNetwork

        return VideoNetwork(model, self, config)

    def last_states(self, model: Any, pixels: Any) -> Any:
        """The model's last hidden state, after the final norm if there is one: (B, T, 3, S, S) to (B, tokens, D)."""
        return model(pixel_values=pixels).last_hidden_state

    def blocks(self, model: Any) -> list[nn.Module]:
        """The repeated layers in which the work is done."""
        return list(model.encoder.layer)
