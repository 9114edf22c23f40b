"""What of a part's config.json is read, and within which bounds: nothing else of the file reaches a network's class.

A model directory comes from anywhere. Its keys that no table names are ignored (`auto_map`, `quantization_config`,
`attn_implementation`, `trust_remote_code` ...), and a value outside its bounds is refused before anything is built.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from emollama_hf.errors import ModelError

Config = dict[str, Any]
#: What is wrong with a value, as a sentence goes on after "expected"; None if nothing is.
Check = Callable[[Any], str | None]

#: Numbers that position tables have at most: those of the published models have 1.6 million.
_MAX_POSITION_VALUES = 16 * 2**20


def _whole(least: int, most: int) -> Check:
    def check(value: Any) -> str | None:
        good = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return None if good else f"a whole number from {least} to {most}"

    return check


def _number(least: float, most: float) -> Check:
    def check(value: Any) -> str | None:
        good = isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
        return None if good and math.isfinite(value) else f"a number from {least:g} to {most:g}"

    return check


def _one_of(*choices: Any) -> Check:
    def check(value: Any) -> str | None:
        good = any(type(value) is type(choice) and value == choice for choice in choices)
        return None if good else f"one of {', '.join(map(repr, choices))}"

    return check


def _or_null(inner: Check) -> Check:
    def check(value: Any) -> str | None:
        wrong = None if value is None else inner(value)
        return wrong and f"{wrong}, or null"

    return check


def _side(least: int, most: int) -> Check:
    """A whole number, or two equal ones: transformers lets sizes be pairs."""
    whole = _whole(least, most)

    def check(value: Any) -> str | None:
        pair = isinstance(value, list) and len(value) == 2 and value[0] == value[1]
        return whole(value[0] if pair else value)

    return check


def _object(keys: Mapping[str, Check]) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, Mapping):
            return "an object"
        wrong = _faults(value, keys)
        return f"{wrong[0][0]} {wrong[0][2]}" if wrong else None

    return check


def _numbers(most: int) -> Check:
    number = _number(0, 1e9)

    def check(value: Any) -> str | None:
        good = isinstance(value, list) and len(value) <= most and all(number(one) is None for one in value)
        return None if good else f"a list of at most {most} numbers"

    return check


_FLAG = _one_of(True, False)
_EPS = _number(1e-12, 0.1)
_WIDTH = _whole(1, 65_536)
_INNER_WIDTH = _whole(1, 524_288)
_DEPTH = _whole(1, 512)
_HEADS = _whole(1, 1024)
_IMAGE, _PATCH = _side(1, 8192), _side(1, 512)
_SHARE = _number(0, 1)
_TOKEN = _or_null(_whole(-1, 2**31))
_ACTIVATION = _one_of("gelu", "gelu_new", "gelu_pytorch_tanh", "quick_gelu", "relu", "silu", "swish")

_ROPE = {
    "rope_type": _one_of("default", "linear", "dynamic", "yarn", "longrope", "llama3"),
    "type": _one_of("default", "linear", "dynamic", "yarn", "longrope", "llama3"),
    "rope_theta": _number(1, 1e12),
    "factor": _number(1e-3, 1e6),
    "low_freq_factor": _number(0, 1e6),
    "high_freq_factor": _number(0, 1e6),
    "attention_factor": _or_null(_number(0, 1e6)),
    "beta_fast": _or_null(_number(0, 1e6)),
    "beta_slow": _or_null(_number(0, 1e6)),
    "mscale": _or_null(_number(0, 1e6)),
    "mscale_all_dim": _or_null(_number(0, 1e6)),
    "partial_rotary_factor": _number(1e-3, 1),
    "original_max_position_embeddings": _whole(1, 2**24),
    "short_factor": _numbers(4096),
    "long_factor": _numbers(4096),
}

#: timm's arguments of `VisionTransformer`.
_MODEL_ARGS = {
    "img_size": _whole(1, 8192),
    "patch_size": _whole(1, 512),
    "in_chans": _one_of(3),
    "embed_dim": _WIDTH,
    "depth": _DEPTH,
    "num_heads": _HEADS,
    "mlp_ratio": _number(0.1, 64),
    "qkv_bias": _FLAG,
    "init_values": _or_null(_number(0, 100)),
}

FACEMAE: dict[str, Check] = {"model_args": _object(_MODEL_ARGS), "norm_eps": _EPS}

VIDEOMAE: dict[str, Check] = {
    "model_type": _one_of("videomae"),
    "image_size": _IMAGE,
    "patch_size": _PATCH,
    "tubelet_size": _whole(1, 64),
    "num_frames": _whole(1, 1024),
    "num_channels": _one_of(3),
    "hidden_size": _WIDTH,
    "num_hidden_layers": _DEPTH,
    "num_attention_heads": _HEADS,
    "intermediate_size": _INNER_WIDTH,
    "hidden_act": _ACTIVATION,
    "hidden_dropout_prob": _SHARE,
    "attention_probs_dropout_prob": _SHARE,
    "layer_norm_eps": _EPS,
    "qkv_bias": _FLAG,
    "qv_bias": _FLAG,
    "use_mean_pooling": _FLAG,
}

VISION: dict[str, Check] = {
    "model_type": _one_of("blip_2_vision_model"),
    "image_size": _IMAGE,
    "patch_size": _PATCH,
    "hidden_size": _WIDTH,
    "num_hidden_layers": _DEPTH,
    "num_attention_heads": _HEADS,
    "intermediate_size": _INNER_WIDTH,
    "hidden_act": _ACTIVATION,
    "attention_dropout": _SHARE,
    "layer_norm_eps": _EPS,
    "qkv_bias": _FLAG,
}

TEXT: dict[str, Check] = {
    "model_type": _one_of("llama"),
    "vocab_size": _whole(1, 4_000_000),
    "hidden_size": _WIDTH,
    "intermediate_size": _INNER_WIDTH,
    "num_hidden_layers": _DEPTH,
    "num_attention_heads": _HEADS,
    "num_key_value_heads": _or_null(_HEADS),
    "head_dim": _or_null(_whole(2, 4096)),
    "max_position_embeddings": _whole(1, 2**24),
    "rms_norm_eps": _EPS,
    "hidden_act": _ACTIVATION,
    "attention_bias": _FLAG,
    "mlp_bias": _FLAG,
    "attention_dropout": _SHARE,
    "rope_theta": _number(1, 1e12),
    "rope_scaling": _or_null(_object(_ROPE)),
    "rope_parameters": _or_null(_object(_ROPE)),
    "pad_token_id": _TOKEN,
    "bos_token_id": _TOKEN,
    "eos_token_id": _TOKEN,
    "tie_word_embeddings": _FLAG,
}

EMOTION_LLAMA: dict[str, Check] = {
    "model_type": _one_of("emotion_llama"),
    "vision_config": _object(VISION),
    "text_config": _object(TEXT),
    "feature_size": _WIDTH,
    "patches_per_token": _whole(1, 65_536),
    "image_norm_eps": _EPS,
}

#: processor_config.json; both are needed.
PROCESSOR: dict[str, Check] = {"image_size": _whole(1, 8192), "image_tokens": _whole(1, 65_536)}

PART_KEYS: dict[str, dict[str, Check]] = {
    "facemae": FACEMAE,
    "videomae": VIDEOMAE,
    "emotion_llama": EMOTION_LLAMA,
}
#: Keys of the objects within a configuration.
_INNER_KEYS: dict[str, Mapping[str, Check]] = {
    "model_args": _MODEL_ARGS,
    "vision_config": VISION,
    "text_config": TEXT,
    "rope_scaling": _ROPE,
    "rope_parameters": _ROPE,
}


def checked_config(part: str, found: Mapping[str, Any], where: str, *, must_fit: bool = True) -> Config:
    """What a part's network is built from: the keys of `PART_KEYS`, each within its bounds, and sizes that fit.

    Args:
        part: "facemae", "videomae" or "emotion_llama".
        found: config.json as it was read.
        where: its name in errors.
        must_fit: whether sizes that do not fit each other are an error here; the conversion says them better.

    Returns:
        The configuration with the keys that are read and nothing else.

    Raises:
        ModelError: lists every value that is out of bounds, and every two that do not fit each other.
    """
    wrong = [
        f"{name}={_shown(value)} (expected {expected})" for name, value, expected in _faults(found, PART_KEYS[part])
    ]
    kept = _kept(found, PART_KEYS[part])
    if not wrong and must_fit:
        wrong = _misfits(part, kept)
    if wrong:
        raise ModelError(
            f"{where}: {'; '.join(wrong)}. It was not written for this model: convert the part again, or fetch "
            "the file from where its weights came from."
        )
    return kept


def text_config(found: Mapping[str, Any], where: str) -> Config:
    """What the decoder is built from, of a Llama directory's config.json; ModelError as `checked_config`."""
    wrapped = {"text_config": dict(found)}
    return dict(checked_config("emotion_llama", wrapped, where, must_fit=False).get("text_config", {}))


def processor_config(found: Mapping[str, Any], where: str) -> Config:
    """What a processor is built from, of processor_config.json: the keys of `PROCESSOR` and nothing else of it.

    Raises:
        ModelError: lists every value that is absent or out of bounds.
    """
    present = {name: found.get(name) for name in PROCESSOR}
    wrong = [f"{name}={_shown(value)} (expected {expected})" for name, value, expected in _faults(present, PROCESSOR)]
    if wrong:
        raise ModelError(f"{where}: {'; '.join(wrong)}. Convert the part again, or fetch the file again.")
    return present


def _faults(found: Mapping[str, Any], keys: Mapping[str, Check]) -> list[tuple[str, Any, str]]:
    wrong: list[tuple[str, Any, str]] = []
    for name, check in keys.items():
        if name not in found:
            continue
        value = found[name]
        if name in _INNER_KEYS and isinstance(value, Mapping):
            inner = _faults(value, _INNER_KEYS[name])
            wrong += [(f"{name}.{key}", one, expected) for key, one, expected in inner]
        elif (expected := check(value)) is not None:
            wrong.append((name, value, expected))
    return wrong


def _kept(found: Mapping[str, Any], keys: Mapping[str, Check]) -> Config:
    """The keys of a table, and of the objects within it those of their own."""
    return {
        name: _kept(found[name], _INNER_KEYS[name])
        if name in _INNER_KEYS and isinstance(found[name], Mapping)
        else found[name]
        for name in keys
        if name in found
    }


def _misfits(part: str, config: Config) -> list[str]:
    """Sizes that are within bounds each and do not fit each other. What a file leaves out has a class's default."""
    if part == "facemae":
        args = config.get("model_args", {})
        return _vision_misfits("model_args.", args, "img_size", "embed_dim", "num_heads", 1)
    if part == "videomae":
        frames, tubelet = config.get("num_frames", 16), config.get("tubelet_size", 2)
        wrong = [] if frames % tubelet == 0 else [f"num_frames={frames}, which tubelet_size={tubelet} does not divide"]
        return wrong + _vision_misfits(
            "", config, "image_size", "hidden_size", "num_attention_heads", max(1, frames // tubelet)
        )
    vision, text = config.get("vision_config", {}), config.get("text_config", {})
    wrong = _vision_misfits("vision_config.", vision, "image_size", "hidden_size", "num_attention_heads", 1)
    return wrong + _text_misfits("text_config.", text)


def _vision_misfits(
    where: str, config: Mapping[str, Any], image: str, width: str, heads: str, tubelets: int
) -> list[str]:
    wrong = [
        f"{where}{whole}={config[whole]}, which {part}={config[part]} does not divide"
        for whole, part in ((image, "patch_size"), (width, heads))
        if whole in config and part in config and _one_side(config[whole]) % _one_side(config[part])
    ]
    if {image, "patch_size"} <= config.keys():
        tokens = (_one_side(config[image]) // _one_side(config["patch_size"])) ** 2 * tubelets
        values = tokens * config.get(width, 1024)
        if values > _MAX_POSITION_VALUES:
            wrong.append(
                f"{where}{image}={config[image]}, whose {tokens:,} patches have {values:,} position values "
                f"(expected at most {_MAX_POSITION_VALUES:,})"
            )
    return wrong


def _text_misfits(where: str, text: Mapping[str, Any]) -> list[str]:
    heads, pairs = text.get("num_attention_heads"), text.get("num_key_value_heads")
    hidden = text.get("hidden_size")
    wrong = []
    if (text.get("pad_token_id") or 0) >= text.get("vocab_size", 32_000):
        wrong.append(f"{where}pad_token_id={text['pad_token_id']} outside of the vocabulary")
    if heads and pairs and heads % pairs:
        wrong.append(f"{where}num_attention_heads={heads}, which num_key_value_heads={pairs} does not divide")
    if heads and hidden and text.get("head_dim") is None and hidden % heads:
        wrong.append(f"{where}hidden_size={hidden}, which num_attention_heads={heads} does not divide")
    return wrong


def _one_side(size: int | list[int]) -> int:
    return size[0] if isinstance(size, list) else size


def _shown(value: Any) -> str:
    # An int of thousands of digits has no repr.
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 128:
        return f"a number of {value.bit_length():,} bits"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
