"""videomae_frames ─► videomae: the stage of the video encoder."""

from __future__ import annotations

from typing import Any

from emollama_hf import schema
from emollama_hf.encoders.videomae.config_json import num_frames
from emollama_hf.stages.column import Column
from emollama_hf.stages.encoder_stage import EncoderStage


class VideoMAEEmbed(EncoderStage):
    """Mean VideoMAE embedding of a clip.

    Reads `videomae_frames`, (16, H, W, 3) uint8 RGB face crops of any size: 8 segments of 2 consecutive frames. On a
    data set without that column it runs `sample_frames` first. A call returns the columns `videomae`, (1024,) float32
    with the real model, `emollama_status` and `emollama_error`.

    Args:
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
    column = schema.VIDEOMAE
    in_short = "an embedding of the face in motion"

    def described(self, feature: Any) -> Column:
        return Column(
            feature,
            "embedding of the face in motion: VideoMAE (ViT-L) over 16 face crops, 8 x 2 neighbouring frames",
            tolerance=1e-4,
        )

    def frame_count(self) -> int:
        return num_frames(self.source.config(self.part))
