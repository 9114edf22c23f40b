"""Names of what is trained of Emotion-LLaMA: in the original's checkpoint, in Llama's, in a model directory. No torch.

checkpoint, adapter   llama_model.base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight    llama_proj.bias
Llama's checkpoint    model.layers.0.self_attn.q_proj.weight
emotion_llama/        language_model.layers.0.self_attn.q_proj.weight                        image_projection.bias
"""

from __future__ import annotations

import re

from emollama_hf.encoders.config_checks import Config

#: The checkpoint's linear layers by their names in emotion_llama/.
PROJECTIONS = {
    "llama_proj": "image_projection",
    "feats_llama_proj1": "facemae_projection",
    "feats_llama_proj2": "videomae_projection",
    "feats_llama_proj3": "audio_projection",
    "cls_tk_llama_proj": "class_token_projection",
}
#: The projection of sound, which the fork's layout does not use.
SOUND_PROJECTION = "feats_llama_proj3"
#: What the checkpoint, with the names of peft 0.2, has before a layer's name in Llama's.
LORA_PREFIX = "llama_model.base_model.model."
_FACTOR = re.compile(r"\.lora_[AB]\.weight$")


def is_factor(name: str) -> bool:
    """Whether a tensor of the checkpoint is one of the two factors of a layer's LoRA."""
    return _FACTOR.search(name) is not None


def lora_layer(factor: str) -> str:
    """The layer that a factor belongs to, as Llama's checkpoint names it: "model.layers.0.self_attn.q_proj"."""
    return _FACTOR.sub("", factor).removeprefix(LORA_PREFIX)


def decoder_weight(name: str) -> str:
    """The name in emotion_llama/ of a tensor of Llama's checkpoint."""
    return name.replace("model.", "language_model.", 1)


def changed_weight(name: str) -> str:
    """The tensor in emotion_llama/ that a tensor of the checkpoint is a part of.

    >>> changed_weight("llama_model.base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight")
    'language_model.layers.0.self_attn.q_proj.weight'
    >>> changed_weight("llama_proj.bias")
    'image_projection.bias'
    """
    if is_factor(name):
        return decoder_weight(f"{lora_layer(name)}.weight")
    layer, _, kind = name.rpartition(".")
    return f"{PROJECTIONS[layer]}.{kind}"


def projection_inputs(config: Config) -> dict[str, int]:
    """Lengths of the vectors that the checkpoint's projections take, by the projections' names there.

    Args:
        config: of emotion_llama/.
    """
    image_width, feature = config["vision_config"]["hidden_size"], config["feature_size"]
    return {
        "llama_proj": image_width * config["patches_per_token"],
        "feats_llama_proj1": feature,
        "feats_llama_proj2": feature,
        "feats_llama_proj3": feature,
        "cls_tk_llama_proj": image_width,
    }
