"""What of a config.json is read, and within which bounds: nothing else of the file reaches a network's class.

A model directory comes from anywhere. Its keys that a family's table does not name are ignored (`auto_map`,
`quantization_config`, `attn_implementation`, `trust_remote_code` ...), and a value outside its bounds is refused before
anything is built.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from emollama_hf.errors import ModelError

Config = dict[str, Any]
#: What is wrong with a value, as a sentence goes on after "expected"; None if nothing is.
Check = Callable[[Any], str | None]
#: Keys that are read, and the check of each.
Keys = Mapping[str, Check]

#: Numbers that position tables have at most: those of the published models have 1.6 million.
_MAX_POSITION_VALUES = 16 * 2**20


@dataclass(frozen=True)
class ObjectOf:
    """An object within a configuration, of which `keys` are read; null, too, if it is `nullable`."""

    keys: Keys
    nullable: bool = False

    def __call__(self, value: Any) -> str | None:
        if isinstance(value, Mapping):
            wrong = _faults(value, self.keys)
            return f"{wrong[0][0]} {wrong[0][2]}" if wrong else None
        if value is None and self.nullable:
            return None
        return "an object, or null" if self.nullable else "an object"


def whole(least: int, most: int) -> Check:
    """A whole number within bounds."""

    def check(value: Any) -> str | None:
        good = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return None if good else f"a whole number from {least} to {most}"

    return check


def number(least: float, most: float) -> Check:
    """A finite number within bounds."""

    def check(value: Any) -> str | None:
        good = isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
        return None if good and math.isfinite(value) else f"a number from {least:g} to {most:g}"

    return check


def one_of(*choices: Any) -> Check:
    """One of some values, of the same type."""

    def check(value: Any) -> str | None:
        good = any(type(value) is type(choice) and value == choice for choice in choices)
        return None if good else f"one of {', '.join(map(repr, choices))}"

    return check


def or_null(inner: Check) -> Check:
    """What another check takes, or null."""
    if isinstance(inner, ObjectOf):
        return replace(inner, nullable=True)

    def check(value: Any) -> str | None:
        wrong = None if value is None else inner(value)
        return wrong and f"{wrong}, or null"

    return check


def side(least: int, most: int) -> Check:
    """A whole number, or two equal ones: transformers lets sizes be pairs."""
    one = whole(least, most)

    def check(value: Any) -> str | None:
        pair = isinstance(value, list) and len(value) == 2 and value[0] == value[1]
        return one(value[0] if pair else value)

    return check


def wholes(least: int, most: int, *, entries: int) -> Check:
    """A list of whole numbers within bounds, of 1 to `entries` of them."""
    each = whole(least, most)

    def check(value: Any) -> str | None:
        good = isinstance(value, list) and 0 < len(value) <= entries and all(each(one) is None for one in value)
        return None if good else f"a list of 1 to {entries} whole numbers from {least} to {most}"

    return check


def numbers(most: int) -> Check:
    """A list of numbers from 0."""
    each = number(0, 1e9)

    def check(value: Any) -> str | None:
        good = isinstance(value, list) and len(value) <= most and all(each(one) is None for one in value)
        return None if good else f"a list of at most {most} numbers"

    return check


FLAG = one_of(True, False)
EPS = number(1e-12, 0.1)
WIDTH = whole(1, 65_536)
INNER_WIDTH = whole(1, 524_288)
DEPTH = whole(1, 512)
HEADS = whole(1, 1024)
IMAGE, PATCH = side(1, 8192), side(1, 512)
SHARE = number(0, 1)
TOKEN = or_null(whole(-1, 2**31))
ACTIVATION = one_of("gelu", "gelu_new", "gelu_pytorch_tanh", "quick_gelu", "relu", "silu", "swish")


def checked(
    keys: Keys,
    found: Mapping[str, Any],
    where: str,
    misfits: Callable[[Config], list[str]] = lambda kept: [],
    remedy: str = "It was not written for this model: convert the part again, or fetch the file from where its weights "
    "came from.",
) -> Config:
    """The keys of a table, each within its bounds, and sizes that fit.

    Args:
        keys: what is read.
        found: a JSON object as it was read.
        where: its name in errors.
        misfits: what is wrong with values that are within bounds each and do not fit each other.
        remedy: what errors advise.

    Returns:
        The keys that are read and nothing else.

    Raises:
        ModelError: lists every value that is out of bounds, or every two that do not fit each other.
    """
    wrong = [f"{name}={_shown(value)} (expected {expected})" for name, value, expected in _faults(found, keys)]
    kept = _kept(found, keys)
    wrong = wrong or misfits(kept)
    if wrong:
        raise ModelError(f"{where}: {'; '.join(wrong)}. {remedy}")
    return kept


def vision_misfits(
    where: str, config: Mapping[str, Any], image: str, width: str, heads: str, tubelets: int = 1
) -> list[str]:
    """Sizes of a vision transformer that do not fit each other. What a file leaves out has a class's default.

    where: before the keys' names in sentences.  image, width, heads: the keys.  tubelets: of a clip.
    """
    wrong = [
        f"{where}{total}={config[total]}, which {part}={config[part]} does not divide"
        for total, part in ((image, "patch_size"), (width, heads))
        if total in config and part in config and one_side(config[total]) % one_side(config[part])
    ]
    if {image, "patch_size"} <= config.keys():
        tokens = (one_side(config[image]) // one_side(config["patch_size"])) ** 2 * tubelets
        values = tokens * config.get(width, 1024)
        if values > _MAX_POSITION_VALUES:
            wrong.append(
                f"{where}{image}={config[image]}, whose {tokens:,} patches have {values:,} position values "
                f"(expected at most {_MAX_POSITION_VALUES:,})"
            )
    return wrong


def _faults(found: Mapping[str, Any], keys: Keys) -> list[tuple[str, Any, str]]:
    wrong: list[tuple[str, Any, str]] = []
    for name, check in keys.items():
        if name not in found:
            continue
        value = found[name]
        if isinstance(check, ObjectOf) and isinstance(value, Mapping):
            inner = _faults(value, check.keys)
            wrong += [(f"{name}.{key}", one, expected) for key, one, expected in inner]
        elif (expected := check(value)) is not None:
            wrong.append((name, value, expected))
    return wrong


def _kept(found: Mapping[str, Any], keys: Keys) -> Config:
    """The keys of a table, and of the objects within it those of their own."""
    return {
        name: _kept(found[name], check.keys)
        if isinstance(check, ObjectOf) and isinstance(found[name], Mapping)
        else found[name]
        for name, check in keys.items()
        if name in found
    }


def one_side(size: int | list[int]) -> int:
    """A size that may be a pair."""
    return size[0] if isinstance(size, list) else size


def _shown(value: Any) -> str:
    # An int of thousands of digits has no repr.
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 128:
        return f"a number of {value.bit_length():,} bits"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
