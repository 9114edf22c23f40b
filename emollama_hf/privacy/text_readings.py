"""The ways in which a program may read a text: as it is, and without the escapes of JSON, URLs and HTML."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

_ESCAPES = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\(/)")
_PERCENT = re.compile(r"%[0-9a-fA-F]{2}")
_ENTITY = re.compile(r"&#?\w{2,8};")
#: Characters without width, and those that look like a slash.
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]")
_SLASHES = str.maketrans("\u2215\u2044\u29f8", "///")
#: Escapes within escapes that are taken off.
DEPTH = 2


def readings(text: str) -> Iterator[str]:
    """The text, and each other text that it is once escapes are taken off; wide letters as the plain ones.

    Example:
        >>> list(readings("%2Fhome%2Fanna"))
        ['%2Fhome%2Fanna', '/home/anna']
    """
    yield text
    if text.isascii() and "\\" not in text and "%" not in text and "&" not in text:
        return
    seen = {text}
    for _ in range(DEPTH):
        for plain in [_without_escapes(one) for one in seen]:
            if plain not in seen:
                seen.add(plain)
                yield plain


def _without_escapes(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _UNSEEN.sub("", text)).translate(_SLASHES)
    if "\\" in text:
        text = _ESCAPES.sub(lambda found: found[3] or chr(int(found[1] or found[2], 16)), text)
    if "%" in text and _PERCENT.search(text):
        text = unquote(text, errors="replace")
    return html.unescape(text) if "&" in text and _ENTITY.search(text) else text
