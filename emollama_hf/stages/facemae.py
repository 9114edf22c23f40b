"""facemae_frames ─► facemae: the stage of the face encoder."""

from __future__ import annotations

from typing import Any

from emollama_hf import schema
from emollama_hf.stages.column import Column
from emollama_hf.stages.encoder_stage import EncoderStage


class FaceMAEEmbed(EncoderStage):
    """Mean FaceMAE embedding of a clip.

    Reads `facemae_frames`, (T, H, W, 3) uint8 RGB face crops of any size (resized to the encoder's own). On a data
    set without that column it runs `sample_frames` first. A call returns the columns `facemae`, (1024,) float32 with
    the real model, `emollama_status` and `emollama_error`.

    Args:
        model: model directory, Hub id, "random-tiny" or "random-full"; None for the model that `configure` has set.
        revision: commit, branch or tag of a Hub id.
        device: "auto" or a torch device.
        dtype: number type of the computation. "auto" and "float16-mixed" are "float32" here, as in the original;
            "float16" and "bfloat16" are faster.
        batch_size: clips that are computed together; None for as many as a GPU's memory holds, 1 on a CPU.
        compile: whether torch.compile fuses the blocks, which needs a C++ compiler and a minute.
        on_error: "raise", or "null" for a null and a status in the rows that cannot be computed.

    Raises:
        TypeError: an unknown option.
        ValueError: an option has a value that is not valid.
        ClipError: by a call with on_error="raise": bad_frames, missing_column, overflow.
        ModelError: by a call: the model or its part `facemae` is missing.

    Example:
        >>> FaceMAEEmbed("random-tiny")({"facemae_frames": [crops]})["facemae"].shape
        (1, 32)

    Source: Emotion-LLaMA's feature extraction, utterance level: class token after the final norm, mean over frames.
    """

    name = "facemae_embed"
    version = 1
    part = "facemae"
    inputs = (schema.FACEMAE_FRAMES,)
    column = schema.FACEMAE
    in_short = "an embedding of the face"

    def described(self, feature: Any) -> Column:
        return Column(
            feature,
            "embedding of the face: a masked autoencoder's encoder (ViT-L/16), mean over 16 face crops",
            tolerance=1e-4,
        )
