"""What is read of emotion_llama/config.json and processor_config.json, and within which bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emollama_hf.encoders.config_checks import (
    ACTIVATION,
    DEPTH,
    EPS,
    FLAG,
    HEADS,
    IMAGE,
    INNER_WIDTH,
    PATCH,
    SHARE,
    TOKEN,
    WIDTH,
    Config,
    Keys,
    ObjectOf,
    checked,
    number,
    numbers,
    one_of,
    or_null,
    vision_misfits,
    whole,
)

_ROPE_TYPE = one_of("default", "linear", "dynamic", "yarn", "longrope", "llama3")
_ROPE: Keys = {
    "rope_type": _ROPE_TYPE,
    "type": _ROPE_TYPE,
    "rope_theta": number(1, 1e12),
    "factor": number(1e-3, 1e6),
    "low_freq_factor": number(0, 1e6),
    "high_freq_factor": number(0, 1e6),
    "attention_factor": or_null(number(0, 1e6)),
    "beta_fast": or_null(number(0, 1e6)),
    "beta_slow": or_null(number(0, 1e6)),
    "mscale": or_null(number(0, 1e6)),
    "mscale_all_dim": or_null(number(0, 1e6)),
    "partial_rotary_factor": number(1e-3, 1),
    "original_max_position_embeddings": whole(1, 2**24),
    "short_factor": numbers(4096),
    "long_factor": numbers(4096),
}

_VISION: Keys = {
    "model_type": one_of("blip_2_vision_model"),
    "image_size": IMAGE,
    "patch_size": PATCH,
    "hidden_size": WIDTH,
    "num_hidden_layers": DEPTH,
    "num_attention_heads": HEADS,
    "intermediate_size": INNER_WIDTH,
    "hidden_act": ACTIVATION,
    "attention_dropout": SHARE,
    "layer_norm_eps": EPS,
    "qkv_bias": FLAG,
}

_TEXT: Keys = {
    "model_type": one_of("llama"),
    "vocab_size": whole(1, 4_000_000),
    "hidden_size": WIDTH,
    "intermediate_size": INNER_WIDTH,
    "num_hidden_layers": DEPTH,
    "num_attention_heads": HEADS,
    "num_key_value_heads": or_null(HEADS),
    "head_dim": or_null(whole(2, 4096)),
    "max_position_embeddings": whole(1, 2**24),
    "rms_norm_eps": EPS,
    "hidden_act": ACTIVATION,
    "attention_bias": FLAG,
    "mlp_bias": FLAG,
    "attention_dropout": SHARE,
    "rope_theta": number(1, 1e12),
    "rope_scaling": or_null(ObjectOf(_ROPE)),
    "rope_parameters": or_null(ObjectOf(_ROPE)),
    "pad_token_id": TOKEN,
    "bos_token_id": TOKEN,
    "eos_token_id": TOKEN,
    "tie_word_embeddings": FLAG,
}

KEYS: Keys = {
    "model_type": one_of("emotion_llama"),
    "vision_config": ObjectOf(_VISION),
    "text_config": ObjectOf(_TEXT),
    "feature_size": WIDTH,
    "patches_per_token": whole(1, 65_536),
    "image_norm_eps": EPS,
}

#: processor_config.json; both are needed.
PROCESSOR: Keys = {"image_size": whole(1, 8192), "image_tokens": whole(1, 65_536)}


def text_config(found: Mapping[str, Any], where: str) -> Config:
    """What the decoder is built from, of a Llama directory's config.json. Raises ModelError as `checked` does."""
    return dict(checked(KEYS, {"text_config": dict(found)}, where).get("text_config", {}))


def processor_config(found: Mapping[str, Any], where: str) -> Config:
    """What a processor is built from, of processor_config.json: the keys of `PROCESSOR` and nothing else of it.

    Raises:
        ModelError: lists every value that is absent or out of bounds.
    """
    present = {name: found.get(name) for name in PROCESSOR}
    return checked(PROCESSOR, present, where, remedy="Convert the part again, or fetch the file again.")


def misfits(config: Config) -> list[str]:
    """Sizes that are within bounds each and do not fit each other. What a file leaves out has a class's default."""
    vision, text = config.get("vision_config", {}), config.get("text_config", {})
    wrong = vision_misfits("vision_config.", vision, "image_size", "hidden_size", "num_attention_heads")
    heads, pairs = text.get("num_attention_heads"), text.get("num_key_value_heads")
    hidden = text.get("hidden_size")
    if (text.get("pad_token_id") or 0) >= text.get("vocab_size", 32_000):
        wrong.append(f"text_config.pad_token_id={text['pad_token_id']} outside of the vocabulary")
    if heads and pairs and heads % pairs:
        wrong.append(f"text_config.num_attention_heads={heads}, which num_key_value_heads={pairs} does not divide")
    if heads and hidden and text.get("head_dim") is None and hidden % heads:
        wrong.append(f"text_config.hidden_size={hidden}, which num_attention_heads={heads} does not divide")
    return wrong
