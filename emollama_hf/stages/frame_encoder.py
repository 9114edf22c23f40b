"""What the stages of named encoders of frames share: `FaceEmbed` and `VideoEmbed`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from emollama_hf import schema
from emollama_hf.errors import ClipError
from emollama_hf.rows import Row
from emollama_hf.stages.column import Column
from emollama_hf.stages.config import check_choice
from emollama_hf.stages.encoder_stage import EncoderStage, EncoderStageConfig, frames_from_row
from emollama_hf.stages.named_encoder import LEVELS, NamedEncoder

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class FrameEncoderConfig(EncoderStageConfig):
    """Every option of a named encoder of frames that can change its result."""

    level: Literal["clip", "frame"] = "clip"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("level", self.level, LEVELS)


class FrameEncoder(NamedEncoder, EncoderStage):
    """A named encoder that reads one column of frames."""

    Config = FrameEncoderConfig
    config: FrameEncoderConfig
    #: What the embedding is of, and by level what one row holds, for the card.
    subject: ClassVar[str]
    rows: ClassVar[dict[str, str]]

    def described(self) -> Column:
        width = self.source.width(self.part)
        one = schema.vector_feature(width) if self.level == "clip" else schema.array_feature((-1, width), "float32")
        meaning = f"embedding of the {self.subject}: {self.encoder}, {self.rows[self.level]}"
        return Column(one, meaning, tolerance=1e-4)

    def prepare(self, row: Row) -> Any:
        frames = frames_from_row(row, self.inputs[0])
        try:
            return self.model().prepared(frames)
        except ValueError as error:
            raise ClipError("bad_frames", f"column {self.inputs[0]!r}: {error}") from error

    def vectors(self, model: Any, clips: list[np.ndarray]) -> Sequence[torch.Tensor]:
        compute = model.embed if self.level == "clip" else model.sequences
        computed: Sequence[torch.Tensor] = compute(clips)
        return computed
