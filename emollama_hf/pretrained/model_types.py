"""Which part of the chain a model of transformers is: an encoder of images, of videos or of sound.

The lists are transformers' own, which decide what its Auto classes build. Imports torch, as transformers does.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Literal

from emollama_hf.errors import ModelError
from emollama_hf.text import few_of_many

Part = Literal["image_encoder", "video_encoder", "sound_encoder"]


def part_of(config: Mapping[str, Any], where: str) -> Part:
    """The part that a config.json describes.

    Args:
        config: config.json of timm or of transformers.
        where: how errors call the model.

    Raises:
        ModelError: it describes neither an image, a video nor a sound encoder.
    """
    if "architecture" in config and "model_type" not in config:
        return "image_encoder"
    kind = config.get("model_type")
    if not isinstance(kind, str):
        raise ModelError(
            f"{where}: config.json has neither model_type (transformers) nor architecture (timm). Name a model that "
            "one of them has saved."
        )
    parts = _parts()
    for part, kinds in parts.items():
        if kind in kinds:
            return part
    near = difflib.get_close_matches(kind, sorted(set().union(*parts.values())), few_of_many.FEW)
    like = f"names like it: {', '.join(near)}" if near else "encoders are clip, dinov2, videomae, wav2vec2 and others"
    raise ModelError(
        f"{where}: model_type {kind[:80]!r} is no encoder of images, videos or sound that the installed transformers "
        f"has; {like}. Name another model."
    )


def _parts() -> dict[Part, frozenset[str]]:
    from transformers.models.auto import modeling_auto as auto

    # Encoders of video that transformers' mapping of classifiers lacks, and all that belong to a known classifier.
    video = {*auto.MODEL_FOR_VIDEO_CLASSIFICATION_MAPPING_NAMES, "vjepa2", "videoprism"} - {"videomt"}
    sound = {
        *auto.MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES,
        *auto.MODEL_FOR_CTC_MAPPING_NAMES,
        *auto.MODEL_FOR_AUDIO_XVECTOR_MAPPING_NAMES,
    } & set(auto.MODEL_MAPPING_NAMES)
    # Detectors answer with boxes' states, and these wrap another library's model.
    others = {*auto.MODEL_FOR_OBJECT_DETECTION_MAPPING_NAMES, "timm_backbone", "timm_wrapper"}
    images = {*auto.MODEL_FOR_IMAGE_MAPPING_NAMES, *image_towers()} - video - others
    return {
        "image_encoder": frozenset(images),
        "video_encoder": frozenset(video),
        "sound_encoder": frozenset(sound),
    }


def image_towers() -> dict[str, str]:
    """Models of pictures and texts whose image tower is a model of its own: its model_type by the whole's."""
    from emollama_hf.encoders.image_encoder.vision_towers import vision_towers

    return vision_towers()
