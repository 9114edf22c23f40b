"""Any image model, as the rest of the package knows it."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.encoder import Activations
from emollama_hf.encoders.image_encoder.sizes import FULL, TINY
from emollama_hf.encoders.pretrained_encoder import ModelFiles, PretrainedEncoder

if TYPE_CHECKING:
    from torch import nn


class ImageEncoder(PretrainedEncoder):
    """The pooled feature of each frame of any image model of timm or transformers."""

    name = "image_encoder"
    tiny, full = TINY, FULL
    left_out = (
        r"(?:classifier|distillation_classifier|cls_classifier|head|lm_head|fc)\b",
        r"(?:decoder|decode_head|auxiliary_head|mask_token)\b",
        r"(?:text_model|text_embedding|text_projection|visual_projection|logit_scale|logit_bias)\b",
    )

    def described(self, files: ModelFiles) -> Config:
        from emollama_hf.encoders.image_encoder.description import described

        return described(files)

    def library_model(self, config: Config) -> nn.Module:
        from emollama_hf.encoders.image_encoder.description import library_model

        return library_model(config)

    def around(self, model: Any, config: Config) -> nn.Module:
        from emollama_hf.encoders.image_encoder.network import ImageNetwork

        return ImageNetwork(model, config)

    def transformers_class(self, config: Config) -> tuple[Any, Any, dict[str, Any]]:
        from emollama_hf.encoders.image_encoder.transformers_images import transformers_parts

        return transformers_parts(config)

    def activations(self, config: Config, stream_ratio: int) -> Activations:
        return _activations(json.dumps(config, sort_keys=True))


@lru_cache(maxsize=64)
def _activations(config: str) -> Activations:
    from emollama_hf.encoders.image_encoder.description import clip_activations

    return clip_activations(json.loads(config))
