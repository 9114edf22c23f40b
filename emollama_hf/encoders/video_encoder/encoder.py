"""Encoders of video by name, as the rest of the package knows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.kind_encoder import KindEncoder
from emollama_hf.encoders.model_kind import ModelKind
from emollama_hf.encoders.pretrained_encoder import ModelFiles
from emollama_hf.encoders.video_encoder.kinds import VIDEO_KINDS
from emollama_hf.encoders.video_encoder.videomae_kind import VIDEOMAE
from emollama_hf.encoders.videomae.config_json import FULL, TINY

_TINY_PICTURES = {"size": {"shortest_edge": 64}, "crop_size": {"height": 64, "width": 64}}


class VideoEncoder(KindEncoder):
    """Any encoder of video of transformers: vectors for the motion of a clip."""

    name = "video_encoder"
    settings_names: ClassVar[tuple[str, ...]] = (
        "video_preprocessor_config.json",
        "preprocessor_config.json",
        "processor_config.json",
    )
    kinds: ClassVar[tuple[ModelKind, ...]] = VIDEO_KINDS
    tiny: ClassVar[Config] = VIDEOMAE.part(TINY, _TINY_PICTURES, "random-tiny")
    full: ClassVar[Config] = VIDEOMAE.part(FULL, {}, "random-full")
    left_out: ClassVar[tuple[str, ...]] = (
        r"(classifier|fc_norm|pooler)\.",
        r"(\w+\.)?predictor\.",  # V-JEPA 2's
        r"(decoder|encoder_to_decoder)\.",  # of VideoMAE's training, as what follows
        r"(mask_token|position_embeddings)$",
    )

    def preprocessing(self, files: ModelFiles) -> Mapping[str, Any] | None:
        nested = files.others.get("processor_config.json", {}).get("video_processor")
        if isinstance(nested, Mapping):
            return nested
        return files.others.get("video_preprocessor_config.json") or files.others.get("preprocessor_config.json")
