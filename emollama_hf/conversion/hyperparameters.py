"""Sizes as the original's training programs call them, translated to the configurations of all parts."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from emollama_hf.encoders import find_encoder, known_encoders
from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.sections import Section, Values
from emollama_hf.errors import ModelError

#: Of an `architecture`, beside the families' own sections: describes what follows from them.
_LIMITS = Section("limits")


def part_configs(
    architecture: Mapping[str, Any] | None, extras: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Config]:
    """The configurations of all parts.

    architecture: sections such as `mae`, `video`, `eva`, `llama`, as `golden/MANIFEST.json` has them; the real models'
    sizes where one is missing.
    extras: what opened sources say by themselves, by option: config.json of a directory, which knows its own sizes
    better.
    Raises ModelError for an unknown section, and for one that lacks a size.
    """
    sections = checked_sections(architecture)
    configs: dict[str, Config] = {}
    for encoder in known_encoders():
        if encoder.conversion is not None:
            configs[encoder.name] = copy.deepcopy(encoder.conversion.config(sections, extras or {}, configs))
    for part, config in configs.items():
        find_encoder(part).checked_config(config, "architecture", must_fit=False)
    return configs


def checked_sections(architecture: Mapping[str, Any] | None) -> dict[str, Values]:
    """The sections of an architecture. Raises ModelError for what would fail only when the model is used."""
    if architecture is None:
        return {}
    known = {section.name: section for section in _sections()}
    if not isinstance(architecture, Mapping):
        raise ModelError(
            f"architecture: expected a dict with some of {', '.join(known)}, got {type(architecture).__name__}."
        )
    try:
        json.dumps(architecture)
    except TypeError as error:
        raise ModelError(f"architecture: {error}. Expected plain numbers, texts, lists and dicts.") from error
    unknown = [str(name) for name in architecture if name not in known]
    if unknown:
        raise ModelError(
            f"architecture: unknown section {', '.join(unknown)}. Expected some of {', '.join(known)}, "
            "each a dict of sizes."
        )
    # "Llama-2-7b-chat" in the place of the decoder's sizes means those of the real model.
    given = {
        name: value for name, value in architecture.items() if not (known[name].by_name and isinstance(value, str))
    }
    wrong = [f"{name}={value!r}" for name, value in given.items() if not isinstance(value, Mapping)]
    if wrong:
        raise ModelError(f"architecture: {', '.join(wrong)}: expected a dict of sizes.")
    for name, values in given.items():
        known[name].check(values)
    return given


def _sections() -> list[Section]:
    conversions = [encoder.conversion for encoder in known_encoders() if encoder.conversion is not None]
    return [section for conversion in conversions for section in conversion.sections] + [_LIMITS]
