"""The metadata of a card as YAML of printable characters: what YAML calls printable may still turn or hide a line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

_NOT_ASCII_PRINTABLE = re.compile(r"[^ -~\n]")


def card_yaml(data: Mapping[str, Any]) -> str:
    r"""The YAML of a card's metadata, without the lines of dashes.

    Args:
        data: the metadata; the order of its keys stays.

    Returns:
        Text that a YAML reader gives the same values of, without a final line break. Printable characters are written
        as they are, as `huggingface_hub` writes them, all others as escapes in double quotes.

    Example:
        >>> print(card_yaml({"pretty_name": "a\u202ab"}))
        pretty_name: "a\u202Ab"
    """
    text = yaml.dump(dict(data), Dumper=_PrintableDumper, sort_keys=False, allow_unicode=True)
    return _NOT_ASCII_PRINTABLE.sub(_escaped, text).strip()


class _PrintableDumper(yaml.SafeDumper):
    """A dumper that puts a text with characters that are not printable into double quotes, where escapes count."""

    def analyze_scalar(self, scalar: str) -> Any:
        found = super().analyze_scalar(scalar)
        if not scalar.isprintable():
            found.allow_flow_plain = found.allow_block_plain = found.allow_single_quoted = found.allow_block = False
        return found


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02X}" if code < 2**8 else f"\\u{code:04X}" if code < 2**16 else f"\\U{code:08X}"
