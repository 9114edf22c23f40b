"""Names of what is trained: the original checkpoint's, and those of the network with peft's LoRA layers in it."""

from __future__ import annotations

import re

from emollama_hf.encoders.emotion_llama.projections import PROJECTIONS

#: The name under which peft keeps the one adapter.
ADAPTER = "default"
_PREFIX = "llama_model.base_model.model.model."
_FACTOR = re.compile(rf"^language_model\.(?P<layer>.+)\.(?P<factor>lora_[AB])\.{ADAPTER}\.weight$")
_ORIGINAL = {new: old for old, new in PROJECTIONS.items()}
#: Projections that are trained in each layout: the third feature's gets no gradient where there are two.
TRAINED_PROJECTIONS = {
    "fork": ("image_projection", "facemae_projection", "videomae_projection", "class_token_projection"),
    "upstream": tuple(PROJECTIONS.values()),
}


def original_name(name: str) -> str:
    """The original checkpoint's name of a trained parameter of `EmotionLlamaModel` with LoRA layers.

    Example:
        >>> original_name("language_model.layers.0.self_attn.q_proj.lora_A.default.weight")
        'llama_model.base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight'
    """
    found = _FACTOR.match(name)
    if found:
        return f"{_PREFIX}{found['layer']}.{found['factor']}.weight"
    module, _, leaf = name.rpartition(".")
    return f"{_ORIGINAL[module]}.{leaf}"
