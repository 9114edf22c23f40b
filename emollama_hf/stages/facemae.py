"""facemae_frames ─► facemae or facemae_sequence: the stage of the face encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from emollama_hf import schema
from emollama_hf.stages.column import Column
from emollama_hf.stages.config import check_choice
from emollama_hf.stages.encoder_stage import EncoderStage, EncoderStageConfig

if TYPE_CHECKING:
    import torch

Level = Literal["clip", "frame"]
COLUMNS = {"clip": schema.FACEMAE, "frame": schema.FACEMAE_SEQUENCE}


@dataclass(frozen=True)
class FaceMAEConfig(EncoderStageConfig):
    """Every option of `FaceMAEEmbed` that can change its result."""

    level: Level = "clip"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("level", self.level, tuple(COLUMNS))


class FaceMAEEmbed(EncoderStage):
    """FaceMAE embedding of a clip, or of each of its face crops.

    Reads `facemae_frames`, (T, H, W, 3) uint8 RGB face crops of any size (resized to the encoder's own). On a data
    set without that column it runs `sample_frames` first. A call returns the columns

        facemae            (1024,) float32 with the real model, the mean over the crops
        facemae_sequence   (T, 1024) float32 instead with level="frame": a vector for each crop, in the crops' order
        emollama_status, emollama_error

    Args:
        model: model directory, Hub id, "random-tiny" or "random-full"; None for the model that `configure` has set.
        revision: commit, branch or tag of a Hub id.
        level: "clip" for one vector a clip, "frame" for one a crop.
        device: "auto" or a torch device.
        dtype: number type of the computation. "auto" and "float16-mixed" are "float32" here, as in the original;
            "float16" and "bfloat16" are faster.
        batch_size: clips that are computed together; None for as many as a GPU's memory holds, 1 on a CPU.
        compile: whether torch.compile fuses the blocks, which needs a C++ compiler and a minute, and hardly pays for
            this network (docs/runs.md).
        on_error: "raise", or "null" for a null and a status in the rows that cannot be computed.

    Raises:
        TypeError: an unknown option.
        ValueError: an option has a value that is not valid.
        ClipError: by a call with on_error="raise": bad_frames, missing_column, overflow.
        ModelError: by a call: the model or its part `facemae` is missing.

    Example:
        >>> FaceMAEEmbed("random-tiny")({"facemae_frames": [crops]})["facemae"].shape
        (1, 32)

    Source: Emotion-LLaMA's feature extraction: the class token after the final norm of each frame (its level FRAME), or
    the mean over the frames (UTTERANCE).
    """

    name = "facemae_embed"
    version = 1
    part = "facemae"
    inputs = (schema.FACEMAE_FRAMES,)
    columns = COLUMNS
    in_short = "an embedding of the face"
    Config = FaceMAEConfig
    config: FaceMAEConfig

    def described(self) -> Column:
        meaning = "embedding of the face: a masked autoencoder's encoder (ViT-L/16)"
        width = self.source.width(self.part)
        if self.config.level == "clip":
            return Column(schema.vector_feature(width), f"{meaning}, mean over 16 face crops", tolerance=1e-4)
        return Column(
            schema.array_feature((-1, width), "float32"),
            f"{meaning}, a vector for each sampled face crop (4 kB with the real model), in the crops' order",
            tolerance=1e-4,
        )

    def vectors(self, model: Any, clips: list[np.ndarray]) -> Sequence[torch.Tensor]:
        compute = model.embed if self.config.level == "clip" else model.sequences
        computed: Sequence[torch.Tensor] = compute(clips)
        return computed
