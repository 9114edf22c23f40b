"""peak_frame ─► image_tokens: what the image encoder makes of the picture, before anything that training changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from emollama_hf import schema
from emollama_hf.checkpoints import ModelSource
from emollama_hf.checkpoints.memory import StageMemory, activation_bytes, weight_bytes
from emollama_hf.computing.device_copies import stacked_on_device
from emollama_hf.computing.number_types import DtypeName
from emollama_hf.computing.stored_values import StoredValues, stored_values
from emollama_hf.encoders.emotion_llama.config_json import image_size, image_width, patches
from emollama_hf.errors import ClipError
from emollama_hf.rows import Row
from emollama_hf.stages.column import Column
from emollama_hf.stages.config import check_choice
from emollama_hf.stages.encoder_stage import not_finite
from emollama_hf.stages.model_stage import ModelStage, ModelStageConfig
from emollama_hf.stages.picture_value import picture_from_row
from emollama_hf.stages.reduction import Reduction, ResizedPicture

#: Submodules of the network behind the image encoder, which are not loaded.
BEHIND_IMAGE_ENCODER = (
    "image_projection",
    "facemae_projection",
    "videomae_projection",
    "audio_projection",
    "class_token_projection",
    "language_model",
)


@dataclass(frozen=True)
class ImageTokensConfig(ModelStageConfig):
    """Every option of `ImageTokens` that can change its result."""

    store_dtype: Literal["float16", "float32"] = "float16"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("store_dtype", self.store_dtype, ("float16", "float32"))


class ImageTokens(ModelStage):
    """Tokens of Emotion-LLaMA's image encoder for each clip: the frozen half of its training, computed once.

    Reads `peak_frame`; on a data set without that column it runs `sample_frames` first. Loads the image encoder alone,
    without projections and decoder. A call returns the columns

        image_tokens   (1 + patches, width) float16, (1025, 1408) and 2.9 MB with the real model: EVA's tokens behind
                       the norm that the projections read (`EmotionLlamaModel.ln_vision`), class token first
        emollama_status, emollama_error

    The picture can be guessed from its tokens, so that the column counts as showing a person: it is returned and
    written only if somebody asks for it (`keep=`).

    Args:
        model: model directory, Hub id, "random-tiny" or "random-full"; None for the model that `configure` has set.
        revision: commit, branch or tag of a Hub id.
        store_dtype: "float16" or "float32".
        device: "auto" or a torch device.
        dtype: number type of the computation, as for `EmoLlamaEmbed`.
        batch_size: clips that are computed together; None for as many as a GPU's memory holds, 1 on a CPU.
        compile: whether torch.compile fuses the blocks, which needs a C++ compiler and a minute, and hardly pays for
            this network (docs/runs.md).
        on_error: "raise", or "null" for a null and a status in the rows that cannot be computed.

    Raises:
        TypeError: an unknown option.
        ValueError: an option has a value that is not valid.
        ClipError: by a call with on_error="raise": bad_frames (the peak frame), overflow.
        ModelError: by a call: the model or its part `emotion_llama` is missing.

    Example:
        >>> ImageTokens("random-tiny")({"peak_frame": [picture]})["image_tokens"].shape
        (1, 65, 40)

    Source: Emotion-LLaMA, `ln_vision(visual_encoder(image))`, which its training computes anew in every step.
    """

    name = "image_tokens"
    version = 1
    part = "emotion_llama"
    inputs = (schema.PEAK_FRAME,)
    in_short = "tokens of a picture of the face"
    Config = ImageTokensConfig
    config: ImageTokensConfig

    def outputs(self) -> dict[str, Column]:
        config = self.source.config(self.part)
        feature = schema.matrix_feature(1 + patches(config), image_width(config), self.config.store_dtype)
        meaning = (
            "tokens of Emotion-LLaMA's image encoder (EVA ViT-g/14) for one picture of the clip, class token first"
        )
        return {schema.IMAGE_TOKENS: Column(feature, meaning, tolerance=1e-4, sensitive=True)}

    @property
    def slot(self) -> str:
        return self.name  # another network than the part's: half of its submodules are missing

    def brought_memory(self) -> StageMemory:
        config, dtype = self.source.config(self.part), self._policy()
        weights = weight_bytes(self.part, config, dtype, without=BEHIND_IMAGE_ENCODER)
        return StageMemory(weights, activation_bytes(self.part, config, dtype))

    @property
    def loads_whole_part(self) -> bool:
        return False

    def reductions(self) -> Mapping[str, Reduction]:
        return {schema.PEAK_FRAME: ResizedPicture(image_size(self.source.config(self.part)), "bicubic")}

    def prepare(self, row: Row) -> np.ndarray:
        picture: np.ndarray = self.model().resized(picture_from_row(schema.PEAK_FRAME, row[schema.PEAK_FRAME]))
        return picture

    def compute_together(self, items: list[np.ndarray]) -> list[dict[str, Any] | ClipError]:
        from emollama_hf.encoders.scaling import clip_normalised

        with self.computing() as model:
            pixels = clip_normalised(stacked_on_device(items, model.device))
            tokens = model.ln_vision(model.image_tokens(pixels)).float()
            computed = stored_values([tokens], self.config.store_dtype)
        return [self._stored(one) for one in computed]

    def _stored(self, tokens: StoredValues) -> dict[str, Any] | ClipError:
        if tokens.is_finite:
            return {schema.IMAGE_TOKENS: tokens.values}
        if tokens.was_finite:
            return ClipError(
                "overflow",
                f"a token's value of {tokens.largest:.3g} does not fit float16 (at most 65504). "
                "Store it with store_dtype='float32'.",
            )
        return not_finite(schema.IMAGE_TOKENS, self._dtype())

    def _load(self, source: ModelSource, dtype: DtypeName, device: str) -> Any:
        return source.load(self.part, dtype=dtype, device=device, without=BEHIND_IMAGE_ENCODER)
