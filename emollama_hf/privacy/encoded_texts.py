"""Pictures and recordings that are written as text: in base64, in hexadecimal digits, as numbers of pixels.

A header names the kind where one is found. Without one, what is too long and too mixed for a word, an identifier or a
digest counts as encoded bytes: whatever they are, nobody reads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from emollama_hf.privacy.media_headers import find_media
from emollama_hf.privacy.text_readings import readings

#: Letters that a header takes at least, in any writing.
SHORTEST = 12
#: Letters of base64 in a row: longer than a digest of 64 bytes, shorter than any picture.
LONG_BASE64 = 120
#: Bytes in hexadecimal digits in a row: longer than any digest.
LONG_HEXADECIMAL = 128
#: Whole numbers up to 255 in a row: a picture of 16 x 16 pixels.
MANY_PIXELS = 256

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_HEXADECIMAL = re.compile(
    rf"(?:[0-9a-fA-F]{{2}}){{{LONG_HEXADECIMAL},}}|(?:[0-9a-fA-F]{{2}}[\s:,]+){{{LONG_HEXADECIMAL},}}"
)
_PIXELS = re.compile(rf"(?:\b\d{{1,3}}[\s,;()\[\]]+){{{MANY_PIXELS},}}")
_LINE_ENDS = re.compile(r"\\[rnt]|\s")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s\"'<>]+")
#: Shares that letters of each kind have at least in encoded bytes.
_SHARES = {r"[A-Z]": 0.01, r"[a-z]": 0.01, r"[0-9]": 0.01, r"[A-Za-z0-9]": 0.85}


def find_encoded(text: str) -> str | None:
    """What a text is an encoding of, as "JPEG picture in base64" or "bytes in base64"; None if it can be read.

    Example:
        >>> find_encoded(base64.b64encode(picture).decode())
        'JPEG picture in base64'
    """
    if len(text) < SHORTEST:
        return None
    for reading in readings(text):
        found = _find_header(reading) or _find_run(reading)
        if found is not None:
            return found
    return None


def _find_header(text: str) -> str | None:
    found = find_media(text.encode("utf-8", errors="replace"))
    if found is None and _LINE_ENDS.search(text):
        found = find_media(_LINE_ENDS.sub("", text).encode("utf-8", errors="replace"))
    if found is None and not text.isascii():  # bytes as letters of Latin-1
        found = find_media(text.encode("latin-1", errors="replace"))
    return found


def _find_run(text: str) -> str | None:
    if len(text) < LONG_BASE64:
        return None
    hexadecimal = _HEXADECIMAL.search(text)
    if hexadecimal is not None and re.search("[a-fA-F]", hexadecimal[0]):
        digits = re.sub(r"[\s:,]", "", hexadecimal[0])
        return f"{find_media(bytes.fromhex(digits[: len(digits) // 2 * 2])) or 'bytes'} in hexadecimal digits"
    if any(map(_is_base64, _base64_runs(_URL.sub(" ", text.replace("\\n", "\n"))))):
        return "bytes in base64"
    pixels = _PIXELS.search(text)
    if pixels is not None and all(int(number) < 256 for number in re.findall(r"\d+", pixels[0])):
        return "pixels in decimal numbers"
    return None


def _base64_runs(text: str) -> Iterator[str]:
    """Letters of base64, over pieces of one length, of which the last may be shorter: else they are words.

    Pieces that say the same count once.
    """
    pieces: list[re.Match[str]] = []
    for piece in _BASE64.finditer(text):
        if pieces:
            between = text[pieces[-1].end() : piece.start()]
            same_length = len(pieces[-1][0]) == len(pieces[0][0]) >= len(piece[0])
            if not (between.isspace() and same_length):
                yield _joined(pieces)
                pieces = []
        pieces.append(piece)
    yield _joined(pieces)


def _joined(pieces: list[re.Match[str]]) -> str:
    return "".join(dict.fromkeys(piece[0] for piece in pieces))


def _is_base64(letters: str) -> bool:
    return len(letters) >= LONG_BASE64 and all(
        len(re.findall(kind, letters)) >= share * len(letters) for kind, share in _SHARES.items()
    )
