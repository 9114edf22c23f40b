"""videomae_frames ─► a column of any name: consecutive face crops through any encoder of video."""

from __future__ import annotations

from typing import ClassVar

from emollama_hf import schema
from emollama_hf.stages.frame_encoder import FrameEncoder


class VideoEmbed(FrameEncoder):
    """Embedding of the face in motion by any encoder of video of transformers.

    Reads `videomae_frames`, (16, H, W, 3) uint8 RGB face crops, segments of 2 consecutive frames, which go through the
    encoder's own preprocessing. On a data set without that column it runs `sample_frames` first. A call returns

        COLUMN            (D,) float32, the pooled feature before the head
                          with level="frame" (T, D) float32, a vector for each step of time of the encoder (2 frames)
        emollama_status, emollama_error

    Args:
        encoder: Hub id or directory of a VideoMAE, V-JEPA 2, TimeSformer or ViViT ("MCG-NJU/videomae-base");
            "random-tiny", "random-full". Of more frames than it takes, it gets as many, evenly chosen.
        column: name of the column.
        level: "clip" for one vector a clip, "frame" for one a step of time.
        weights: file of a checkpoint, instead of the directory's own.
        revision: commit, branch or tag of a Hub id.
        device: "auto" or a torch device.
        dtype: number type of the computation. "auto" and "float16-mixed" are "float32" here.
        batch_size: clips that are computed together; None for as many as a GPU's memory holds, 1 on a CPU.
        compile: whether torch.compile fuses the blocks, which needs a C++ compiler and a minute.
        on_error: "raise", or "null" for nulls and a status in the rows that cannot be computed.

    Raises:
        TypeError: an unknown option, or no column.
        ValueError: an option has a value that is not valid; the column is one of another stage.
        ClipError: by a call with on_error="raise": bad_frames, missing_column, overflow.
        ModelError: by a call: there is no such encoder, it is none of video, or its weights do not fit it.

    Example:
        >>> VideoEmbed("random-tiny", column="tiny")({"videomae_frames": [crops]})["tiny"].shape
        (1, 32)
    """

    version = 1
    part = "video_encoder"
    inputs = (schema.VIDEOMAE_FRAMES,)
    in_short = "an embedding of the face in motion"
    reads = "video"
    stage_names: ClassVar[dict[str, str]] = {"clip": "video_embed", "frame": "video_sequence"}

    subject = "face in motion"
    rows: ClassVar[dict[str, str]] = {"clip": "over consecutive face crops", "frame": "a vector for each step of time"}
