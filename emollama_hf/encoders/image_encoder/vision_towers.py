"""Models of pictures and texts (CLIP, SigLIP) whose image tower transformers has as a model of its own."""

from __future__ import annotations

from functools import cache


@cache
def vision_towers() -> dict[str, str]:
    """model_type of the image tower by the model_type of the whole: "clip_vision_model" by "clip".

    Source: transformers' list of models for zero-shot classification of images, and the configurations of these.
    """
    from transformers import CONFIG_MAPPING
    from transformers.models.auto import modeling_auto as auto

    towers: dict[str, str] = {}
    for kind in auto.MODEL_FOR_ZERO_SHOT_IMAGE_CLASSIFICATION_MAPPING_NAMES:
        vision = CONFIG_MAPPING[kind].sub_configs.get("vision_config")
        if vision is not None and vision.model_type in auto.MODEL_MAPPING_NAMES:
            towers[kind] = vision.model_type
    return towers
