"""facemae_frames ─► a column of any name: the face crops through any encoder of pictures."""

from __future__ import annotations

from typing import ClassVar

from emollama_hf import schema
from emollama_hf.stages.frame_encoder import FrameEncoder


class FaceEmbed(FrameEncoder):
    """Embedding of the face by any encoder of pictures of timm or transformers.

    Reads `facemae_frames`, (T, H, W, 3) uint8 RGB face crops, each of which goes through the encoder's own
    preprocessing: size, interpolation, mean, standard deviation. On a data set without that column it runs
    `sample_frames` first. A call returns

        COLUMN            (D,) float32, the pooled feature before the head, mean over the crops
                          with level="frame" (T, D) float32, a vector for each crop
        emollama_status, emollama_error

    Args:
        encoder: Hub id of timm ("timm/resnet50.a1_in1k") or transformers ("openai/clip-vit-large-patch14"), a directory
            of either, or an architecture of timm ("resnet50") whose `weights` are given; "random-tiny", "random-full".
        column: name of the column.
        level: "clip" for one vector a clip, "frame" for one a crop.
        weights: file of a checkpoint for an architecture.
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
        ModelError: by a call: there is no such encoder, it is none of pictures, or its weights do not fit it.

    Example:
        >>> FaceEmbed("random-tiny", column="tiny")({"facemae_frames": [crops]})["tiny"].shape
        (1, 32)
    """

    version = 1
    part = "image_encoder"
    inputs = (schema.FACEMAE_FRAMES,)
    in_short = "an embedding of the face"
    reads = "pictures"
    stage_names: ClassVar[dict[str, str]] = {"clip": "face_embed", "frame": "face_sequence"}

    subject = "face"
    rows: ClassVar[dict[str, str]] = {
        "clip": "mean over the face crops",
        "frame": "a vector for each face crop, in their order",
    }
