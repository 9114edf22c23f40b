"""videomae_frames ─► videomae, videomae_sequence or videomae_tokens: the stage of the video encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from emollama_hf import schema
from emollama_hf.encoders.videomae.config_json import num_frames, tokens, tubelets
from emollama_hf.stages.column import Column
from emollama_hf.stages.config import check_choice
from emollama_hf.stages.encoder_stage import EncoderStage, EncoderStageConfig

if TYPE_CHECKING:
    import torch

Level = Literal["clip", "frame", "token"]
COLUMNS = {"clip": schema.VIDEOMAE, "frame": schema.VIDEOMAE_SEQUENCE, "token": schema.VIDEOMAE_TOKENS}


@dataclass(frozen=True)
class VideoMAEConfig(EncoderStageConfig):
    """Every option of `VideoMAEEmbed` that can change its result."""

    level: Level = "clip"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("level", self.level, tuple(COLUMNS))


class VideoMAEEmbed(EncoderStage):
    """VideoMAE embedding of a clip, of each pair of its frames, or of each token.

    Reads `videomae_frames`, (16, H, W, 3) uint8 RGB face crops of any size: 8 segments of 2 consecutive frames. On a
    data set without that column it runs `sample_frames` first. A call returns the columns

        videomae            (1024,) float32 with the real model, the mean over the tokens
        videomae_sequence   (8, 1024) float32 instead with level="frame": for each segment the mean over its tokens
        videomae_tokens     (1568, 1024) float32 instead with level="token", 6.4 MB a clip: the tokens of each segment,
                            14 x 14, row by row
        emollama_status, emollama_error

    Args:
        level: "clip" for one vector a clip, "frame" for one a segment of 2 frames, "token" for one a token.
        model, revision, device, dtype, batch_size, compile, on_error: as for `FaceMAEEmbed`.

    Raises:
        TypeError, ValueError, ClipError: as for `FaceMAEEmbed`.
        ModelError: by a call: the model or its part `videomae` is missing, or takes another number of frames than
            `sample_frames` computes.

    Example:
        >>> VideoMAEEmbed("random-tiny")({"videomae_frames": [crops]})["videomae"].shape
        (1, 32)

    Source: Emotion-LLaMA's feature extraction: mean over the 1568 tokens, no final norm. The fork's own script
    builds another model and loads none of the checkpoint's weights; this is the upstream authors' behaviour.
    """

    name = "videomae_embed"
    version = 1
    part = "videomae"
    inputs = (schema.VIDEOMAE_FRAMES,)
    columns = COLUMNS
    in_short = "an embedding of the face in motion"
    Config = VideoMAEConfig
    config: VideoMAEConfig

    def described(self) -> Column:
        config, width = self.source.config(self.part), self.source.width(self.part)
        meaning = "embedding of the face in motion: VideoMAE (ViT-L) over 16 face crops, 8 x 2 neighbouring frames"
        feature: Any = schema.vector_feature(width)
        if self.config.level == "frame":
            feature = schema.matrix_feature(tubelets(config), width, "float32")
            meaning += ", a vector for each 2 frames (33 kB a clip with the real model)"
        elif self.config.level == "token":
            feature = schema.matrix_feature(tokens(config), width, "float32")
            meaning += ", a vector for each patch of each 2 frames (6.4 MB a clip with the real model)"
        return Column(feature, meaning, tolerance=1e-4)

    def vectors(self, model: Any, clips: list[np.ndarray]) -> Sequence[torch.Tensor]:
        compute = {"clip": model.embed, "frame": model.sequences, "token": model.all_tokens}[self.config.level]
        computed: Sequence[torch.Tensor] = compute(clips)
        return computed

    def frame_count(self) -> int:
        return num_frames(self.source.config(self.part))
