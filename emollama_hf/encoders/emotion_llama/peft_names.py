"""Names of what is trained in the network with peft's LoRA layers in it, and in the original's checkpoint."""

from __future__ import annotations

import re

from emollama_hf.encoders.emotion_llama.trained_names import LORA_PREFIX, PROJECTIONS, SOUND_PROJECTION

#: The name under which peft keeps the one adapter.
ADAPTER = "default"
_FACTOR = re.compile(rf"^language_model\.(?P<layer>.+)\.(?P<factor>lora_[AB])\.{ADAPTER}\.weight$")
_ORIGINAL = {new: old for old, new in PROJECTIONS.items()}
#: Projections that are trained in each layout: the third feature's gets no gradient where there are two.
TRAINED_PROJECTIONS = {
    "fork": tuple(new for old, new in PROJECTIONS.items() if old != SOUND_PROJECTION),
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
        return f"{LORA_PREFIX}model.{found['layer']}.{found['factor']}.weight"
    module, _, leaf = name.rpartition(".")
    return f"{_ORIGINAL[module]}.{leaf}"
