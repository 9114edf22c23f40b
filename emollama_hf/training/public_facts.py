"""Which facts of an adapter's provenance may be public: those listed here, in the form in which training writes them.

Names of clips, participants and folds (which may be participants), paths and addresses are in no entry of the list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import PurePath
from typing import Any

from emollama_hf.checkpoints.adapter_facts import ADAPTER_WEIGHTS
from emollama_hf.measures.scores import METRICS
from emollama_hf.privacy.local_paths import find_local_path
from emollama_hf.privacy.secret_texts import find_secret
from emollama_hf.probing.options import METRICS as PROBE_METRICS
from emollama_hf.text.hub_id import is_hub_id
from emollama_hf.training.recipe import RECIPES, Recipe

Rule = Callable[[Any], Any]
_MOST_TEXT = 2000
_MOST_NUMBER = 2**53
_DIGEST = re.compile(r"[0-9a-f]{8,128}")


def public_facts(provenance: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The facts that may be public.

    Args:
        provenance: of an adapter.

    Returns:
        The facts, and the names of those that are left out: "training.source".
    """
    left_out: list[str] = []
    found = _chosen(provenance, _PUBLIC, "", left_out)
    return found, tuple(left_out)


def _chosen(given: Mapping[str, Any], rules: Mapping[str, Any], at: str, left_out: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in given.items():
        rule, path = rules.get(name), f"{at}{name}"
        if isinstance(rule, Mapping) and isinstance(value, Mapping):
            found[name] = _chosen(value, rule, f"{path}.", left_out)
        elif callable(rule):
            try:
                found[name] = rule(value)
            except ValueError:
                left_out.append(path)
        elif value is not None:  # of nothing, nothing is left out
            left_out.append(path)
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _MOST_TEXT or find_local_path(value) or find_secret(value):
        raise ValueError("no text that may be public")
    return value


def _number(value: Any) -> float | int:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not abs(value) < _MOST_NUMBER:  # NaN and infinity are not below it either
        raise ValueError("no number")
    return float(value) if isinstance(value, float) else int(value)


def _optional_number(value: Any) -> float | int | None:
    return None if value is None else _number(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("neither true nor false")
    return value


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise ValueError("no digest")
    return value


def _base_name(value: Any) -> str:
    """A Hub id, or the last part of a path."""
    text = value if isinstance(value, str) else ""
    return _text(text if is_hub_id(text) else PurePath(text.replace("\\", "/")).name)


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list | tuple):
        raise ValueError("no list")
    return [_text(one) for one in value]


def _by_class(value: Any) -> dict[str, float | int]:
    """Numbers by class, or by another text."""
    if not isinstance(value, Mapping):
        raise ValueError("no mapping")
    return {_text(name): _number(number) for name, number in value.items()}


def _numbers(value: Any) -> Any:
    """Numbers by class or in the order of the classes, the name of a rule such as "balanced", or none."""
    if isinstance(value, Mapping):
        return _by_class(value)
    if isinstance(value, list | tuple):
        return [_number(number) for number in value]
    return _optional_text(value)


def _words(value: Any) -> Any:
    """Texts by class or in the order of the classes."""
    if isinstance(value, Mapping):
        return {_text(name): _text(text) for name, text in value.items()}
    return None if value is None else _texts(value)


def _optional_text(value: Any) -> str | None:
    return None if value is None else _text(value)


_OPTION_RULES: dict[str, Rule] = {"class_weights": _numbers, "target_texts": _words, "betas": _numbers}


def _option_rule(name: str) -> Rule:
    if name in _OPTION_RULES:
        return _OPTION_RULES[name]
    usual = {getattr(recipe, name) for recipe in RECIPES.values()}
    kinds = {type(value) for value in usual}
    return _truth if kinds == {bool} else _text if kinds == {str} else _optional_number


_INTERVAL = dict.fromkeys(("value", "low", "high"), _optional_number)
_OF_METRICS = dict.fromkeys(dict.fromkeys([*METRICS, *PROBE_METRICS]), _INTERVAL)
#: Each fact that may be public, and what its value must be.
_PUBLIC: dict[str, Any] = {
    "format": _number,
    "kind": _text,
    "emollama_hf": _text,
    "files": {ADAPTER_WEIGHTS: _digest},
    "lora": {"r": _number, "alpha": _number, "targets": _texts, "on": _text},
    "base": {
        "name": _base_name,
        "random": _truth,
        "parts": {"emotion_llama": _digest, "facemae": _digest, "videomae": _digest, "hubert": _digest},
    },
    "prompt": {"task": _text, "instruction": _text, "chat_template": _truth, "layout": _text},
    "labels": {"column": _text, "classes": _texts, "texts": _texts, "positive": _text},
    "training": {
        "recipe": _text,
        "faults": _texts,
        "options": {field.name: _option_rule(field.name) for field in fields(Recipe)},
        "class_weights": _by_class,
        "dtype": _text,
        "quantize": _optional_text,
        "seed": _number,
        "fold_column": _optional_text,
        "rows": {"fitted": _number, "chose": _number, "held_out": _number},
        "left_out": _by_class,
        "labels": _by_class,
        "groups": _number,
        "dataset": _digest,
        "run": _digest,
        "chosen": {"step": _number, "epoch": _number, "loss": _number},
        "steps": _number,
        "libraries": _words,
    },
    "results": {
        "rows": _number,
        "groups": _number,
        "metrics": _OF_METRICS,
        "control": _OF_METRICS,
        "chance": _OF_METRICS,
        "notes": _texts,
    },
}
