"""Sizes as the original's training programs call them, translated to the three parts' configurations."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from typing import Any

from emollama_hf.checkpoints.architecture import (
    FULL,
    Config,
    emotion_llama_config,
    facemae_config,
    videomae_config,
    vision_config,
)
from emollama_hf.checkpoints.config_keys import checked_config, text_config
from emollama_hf.encoders.emotion_llama.lora import TARGETS
from emollama_hf.errors import ModelError

#: Sections of an `architecture`; the last two describe what follows from the others.
SECTIONS = ("mae", "video", "eva", "llama", "lora", "projections", "limits")
_ENCODERS = ("mae", "video", "eva")
_LORA = ("alpha", "lora_alpha", "r", "lora_r")
#: Numbers that a section may have beside its sizes.
_NUMBERS = ("mlp_ratio", "mlp_hidden", "layer_norm_eps", "ln_vision_eps", "patches_per_token", *_LORA)
_ENCODER = ("image_size", "patch_size", "embed_dim", "depth", "num_heads")


def part_configs(architecture: Mapping[str, Any] | None, llama: Mapping[str, Any] | None) -> dict[str, Config]:
    """The configurations of all parts.

    architecture: sections `mae`, `video`, `eva`, `llama` as `golden/MANIFEST.json` has them; the real models'
    sizes where one is missing.
    llama: config.json of the Llama directory, which knows its own sizes better.
    Raises ModelError for an unknown section, and for one that lacks a size.
    """
    given = _checked(architecture or {})
    configs = copy.deepcopy(FULL)
    if "mae" in given:
        mae = _sizes(given, "mae", _ENCODER)
        configs["facemae"] = facemae_config(
            **mae, **_options(given["mae"], "mlp_ratio"), norm_eps=given["mae"].get("layer_norm_eps", 1e-6)
        )
    if "video" in given:
        video = _sizes(given, "video", (*_ENCODER, "tubelet_size", "num_frames"))
        configs["videomae"] = videomae_config(**video, **_options(given["video"], "mlp_ratio", "layer_norm_eps"))
    decoder: Mapping[str, Any] = configs["emotion_llama"]
    vision, joining = decoder["vision_config"], {}
    if "eva" in given:
        eva = given["eva"]
        sizes = _sizes(given, "eva", _ENCODER)
        if "mlp_hidden" not in eva and "mlp_ratio" not in eva:
            raise ModelError(_lacks("eva", ["mlp_hidden"]))
        hidden = eva.get("mlp_hidden") or int(eva["embed_dim"] * eva["mlp_ratio"])
        vision = vision_config(**sizes, mlp_hidden=hidden, **_options(eva, "layer_norm_eps"))
        joining = _options(eva, "patches_per_token")
        if "ln_vision_eps" in eva:
            joining["image_norm_eps"] = eva["ln_vision_eps"]
    text = given.get("llama", decoder["text_config"])
    where = "architecture: section llama"
    if llama is not None:
        text, where = llama, "the Llama directory's config.json"
    configs["emotion_llama"] = emotion_llama_config(
        vision=vision,
        text=text_config(text, where),
        feature_size=configs["facemae"]["num_features"],
        **joining,
    )
    for part, config in configs.items():
        checked_config(part, config, "architecture", must_fit=False)
    return configs


def lora_targets(architecture: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The decoder's layers that were trained with LoRA."""
    return tuple(_checked(architecture or {}).get("lora", {}).get("target_modules", TARGETS))


def architecture_lora(architecture: Mapping[str, Any] | None, name: str) -> list[float]:
    """`alpha` or `r` of LoRA where the architecture says it, under peft's name (`lora_alpha`), too."""
    lora = _checked(architecture or {}).get("lora", {})
    return [float(lora[key]) for key in (name, f"lora_{name}") if lora.get(key) is not None]


def _checked(architecture: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    if not isinstance(architecture, Mapping):
        raise ModelError(
            f"architecture: expected a dict with some of {', '.join(SECTIONS)}, got {type(architecture).__name__}."
        )
    try:
        json.dumps(architecture)
    except TypeError as error:
        raise ModelError(f"architecture: {error}. Expected plain numbers, texts, lists and dicts.") from error
    unknown = [str(name) for name in architecture if name not in SECTIONS]
    if unknown:
        raise ModelError(
            f"architecture: unknown section {', '.join(unknown)}. Expected some of {', '.join(SECTIONS)}, "
            "each a dict of sizes."
        )
    # "Llama-2-7b-chat" in the place of the decoder's sizes means those of the real model.
    given = {name: value for name, value in architecture.items() if name != "llama" or not isinstance(value, str)}
    wrong = [f"{name}={value!r}" for name, value in given.items() if not isinstance(value, Mapping)]
    if wrong:
        raise ModelError(f"architecture: {', '.join(wrong)}: expected a dict of sizes.")
    for name, values in given.items():
        _check_numbers(name, values)
    return given


def _check_numbers(section: str, values: Mapping[str, Any]) -> None:
    """Raise ModelError for what would fail only when the model is used."""
    wrong = [f"{name}={values[name]!r}" for name in _NUMBERS if name in values and not _is_positive(values[name])]
    targets = values.get("target_modules", [])
    if isinstance(targets, str) or not all(isinstance(target, str) for target in _listed(targets)):
        wrong.append(f"target_modules={targets!r}")
    for whole, part in (("embed_dim", "num_heads"), ("image_size", "patch_size")):
        size, share = values.get(whole), values.get(part)
        if section in _ENCODERS and isinstance(size, int) and isinstance(share, int) and share > 0 and size % share:
            wrong.append(f"{whole}={size}, which {part}={share} does not divide")
    if wrong:
        raise ModelError(f"architecture: section {section} has {'; '.join(wrong)}. Expected sizes that fit each other.")


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _sizes(given: Mapping[str, Mapping[str, Any]], section: str, names: Iterable[str]) -> dict[str, int]:
    values = given[section]
    missing = [name for name in names if name not in values]
    if missing:
        raise ModelError(_lacks(section, missing))
    wrong = [
        f"{name}={values[name]!r}"
        for name in names
        if not isinstance(values[name], int) or isinstance(values[name], bool) or values[name] < 1
    ]
    if wrong:
        raise ModelError(f"architecture: section {section} has {', '.join(wrong)}, expected whole numbers from 1.")
    return {name: values[name] for name in names}


def _lacks(section: str, names: list[str]) -> str:
    return f"architecture: section {section} lacks {', '.join(names)}. Add it, or leave the section out for real sizes."


def _options(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}
