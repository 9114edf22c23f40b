"""Whole headers of pictures and recordings within bytes.

Features are gigabytes of what looks like noise, in which every two bytes occur. A kind counts as found only where so
many bits are as its format wants them that chance does not make them: with n fixed bits it takes 2^n bytes of noise to
meet one. The weakest here are fixed in 53 bits or more: once in nine million gigabytes.

filetype, puremagic and libmagic name the kind of a file by its first bytes: they find nothing behind the beginning and
nothing in base64, and two bytes are enough for some kinds (of positions in noise, filetype 1.2 takes one in 8,000 for a
file and puremagic 1.30 one in 100).
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Callable

#: What `find_media` looks at behind an anchor.
_HEAD = 4096


def find_media(data: bytes | memoryview) -> str | None:
    """Find a picture or recording anywhere in some bytes, plain or in base64; compressed archives are not opened.

    Args:
        data: the bytes.

    Returns:
        The kind of the first one in words; None if there is none.

    Example:
        >>> find_media(b"noise\\x89PNG\\r\\n\\x1a\\n\\0\\0\\0\\x0dIHDR")
        'PNG picture'
    """
    data = bytes(data)
    return _find_plain(data) or _find_base64(data)


def _find_plain(data: bytes) -> str | None:
    for anchor, offset, kind in _ANCHORS:
        at = data.find(anchor)
        while at >= 0:
            start = at - offset
            if start >= 0:
                # A TIFF's directory may lie at its end.
                found = kind(data[start:] if kind is _tiff else data[start : start + _HEAD])
                if found is not None:
                    return found
            at = data.find(anchor, at + 1)
    if any(_bmp(data[found.start() : found.start() + _HEAD]) for found in _BMP.finditer(data)):
        return "BMP picture"
    return "MPEG transport stream" if _TRANSPORT_STREAM.search(data) else None


def _png(head: bytes) -> str | None:
    # 8 bytes of signature, 4 of length 13, 4 of IHDR: 128 bits.
    return "PNG picture" if head[8:16] == b"\0\0\0\x0dIHDR" else None


def _jpeg(head: bytes) -> str | None:
    """A chain of segments up to a frame: at least two lengths that lead to another marker, and a frame that fits."""
    at = 2
    segments = 0
    while at + 4 <= len(head):
        marker, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4])
        if head[at] != 0xFF or length < 2 or not (0xC0 <= marker <= 0xFE) or 0xD0 <= marker <= 0xD9:
            return None
        if marker in _JPEG_FRAMES:
            frame = head[at + 4 : at + 2 + length]
            components = frame[5] if len(frame) > 5 else 0
            fits = len(frame) == 6 + 3 * components and frame[0] in (8, 12, 16) and components in (1, 3, 4)
            return "JPEG picture" if fits and segments else None
        if marker == 0xDB and head[at + 4] & 0x0F > 3:
            return None
        if marker in (0xE0, 0xE1, 0xEE, 0xE2):
            name = head[at + 4 : at + 9]
            if name in (b"JFIF\0", b"Exif\0", b"Adobe") or head[at + 4 : at + 15] == b"ICC_PROFILE":
                return "JPEG picture"  # 24 bits of marker and 40 of name
        segments += 1
        at += 2 + length
    return None


def _gif(head: bytes) -> str | None:
    # 48 bits of signature; then a colour table that leads to an image or an extension: 6 more.
    width, height, flags, _, _ = struct.unpack("<HHBBB", head[6:13]) if len(head) >= 13 else (0, 0, 0, 0, 0)
    if not width or not height:
        return None
    at = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    return "GIF picture" if head[at : at + 1] in (b"!", b",") else None


def _bmp(head: bytes) -> str | None:
    if len(head) < 34:
        return None
    _, reserved, offset, header, width, height, planes, bits, compression = struct.unpack("<IIIIiiHHI", head[2:34])
    # 16 of the name, 32 reserved and zero, 16 of planes, about 29 of header size, 21 of offset, 13 of depth.
    fits = reserved == 0 and planes == 1 and header in (40, 52, 56, 108, 124) and 54 <= offset <= 2048
    return "BMP picture" if fits and bits in (1, 4, 8, 16, 24, 32) and compression <= 6 and width and height else None


def _tiff(head: bytes) -> str | None:
    """A directory of tags, in ascending order, of known types."""
    order = "<" if head[:2] == b"II" else ">"
    (start,) = struct.unpack(order + "I", head[4:8]) if len(head) >= 8 else (0,)
    if start < 8 or start + 2 > len(head):
        return None
    (count,) = struct.unpack(order + "H", head[start : start + 2])
    entries = head[start + 2 : start + 2 + 12 * min(count, 6)]
    if not 3 <= count <= 200 or len(entries) < 36:
        return None
    tags = [struct.unpack(order + "HH", entries[at : at + 4]) for at in range(0, len(entries) - 11, 12)]
    numbers = [tag for tag, _ in tags]
    ascend = numbers == sorted(set(numbers)) and numbers[0] in (254, 255, 256)
    return "TIFF picture" if ascend and all(1 <= kind <= 13 for _, kind in tags) else None


def _riff(head: bytes) -> str | None:
    form, chunk = head[8:12], head[12:16]
    if form == b"WEBP" and chunk in (b"VP8 ", b"VP8L", b"VP8X"):
        return "WebP picture"
    if form == b"AVI " and chunk == b"LIST":
        return "AVI video"
    return "WAV recording" if form == b"WAVE" and chunk in (b"fmt ", b"JUNK", b"LIST", b"bext") else None


def _iso_media(head: bytes) -> str | None:
    # 32 bits of `ftyp`, about 26 of a size that is small and a multiple of 4, 32 and more of a known brand.
    size, brand = int.from_bytes(head[:4]), head[8:12]
    if not 16 <= size <= 1024 or size % 4 or brand not in _BRANDS:
        return None
    return "HEIF picture" if brand in _PICTURE_BRANDS else "MP4 video"


def _quicktime(head: bytes) -> str | None:
    """A movie header box within a movie box: 64 bits of names, and a version and sizes that fit."""
    size, inner = int.from_bytes(head[:4]), int.from_bytes(head[8:12])
    return "MP4 video" if head[12:16] == b"mvhd" and inner in (108, 120) and size > inner else None


def _matroska(head: bytes) -> str | None:
    kind = re.search(rb"\x42\x82[\x81-\x8f\x40](webm|matroska)", head[:80])
    return None if kind is None else f"{'WebM' if kind[1] == b'webm' else 'Matroska'} video"


def _flv(head: bytes) -> str | None:
    # 32 bits of signature and version, 40 of header size, 32 of a first tag size of zero.
    return "FLV video" if head[5:13] == b"\0\0\0\x09\0\0\0\0" and head[4] & 0xFA == 0 else None


def _program_stream(head: bytes) -> str | None:
    """A pack header with its marker bits, and a system header or a packet behind it."""
    if len(head) < 18:
        return None
    mpeg2 = head[4] & 0xC4 == 0x44 and head[6] & 4 and head[8] & 4 and head[9] & 1 and head[12] & 3 == 3
    mpeg1 = head[4] & 0xF1 == 0x21 and head[6] & 1 and head[8] & 1 and head[9] & 0x80 and head[11] & 1
    behind = 14 + (head[13] & 7) if mpeg2 else 12
    follows = head[behind : behind + 3] == b"\0\0\1" and head[behind + 3 : behind + 4] >= b"\xb9"
    return "MPEG video" if (mpeg2 or mpeg1) and follows else None


def _asf(head: bytes) -> str | None:
    return "Windows Media video"  # the anchor is an identifier of 128 bits


def _numpy(head: bytes) -> str | None:
    """An .npy file of pictures: (..., height, width, colours)."""
    text = head[8:400]
    shape = re.search(rb"'shape': \(([0-9, ]+)\)", text)
    if shape is None or re.search(rb"'descr': '[|<>]?(u1|f4|f2|f8)'", text) is None:
        return None
    sides = [int(side) for side in shape[1].replace(b" ", b"").split(b",") if side]
    return "numpy array of pictures" if len(sides) > 2 and sides[-1] in (1, 3, 4) and min(sides[-3:-1]) >= 16 else None


_JPEG_FRAMES = (0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
_PICTURE_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis")
_BRANDS = (
    *_PICTURE_BRANDS, b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"iso7", b"iso8", b"iso9", b"mp41", b"mp42",
    b"mp71", b"avc1", b"qt  ", b"M4V ", b"M4VH", b"M4A ", b"M4VP", b"3gp4", b"3gp5", b"3gp6", b"3g2a", b"dash", b"MSNV",
    b"f4v ", b"F4V ", b"cmfc", b"XAVC",
)  # fmt: skip
#: Bytes to look for, how far behind the start of a header they lie, and what looks at the header.
_ANCHORS: tuple[tuple[bytes, int, Callable[[bytes], str | None]], ...] = (
    (b"\x89PNG\r\n\x1a\n", 0, _png),
    (b"\xff\xd8\xff", 0, _jpeg),
    (b"GIF87a", 0, _gif),
    (b"GIF89a", 0, _gif),
    (b"II*\0", 0, _tiff),
    (b"MM\0*", 0, _tiff),
    (b"RIFF", 0, _riff),
    (b"ftyp", 4, _iso_media),
    (b"moov", 4, _quicktime),
    (b"\x1a\x45\xdf\xa3", 0, _matroska),
    (b"FLV\x01", 0, _flv),
    (b"\0\0\1\xba", 0, _program_stream),
    (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), 0, _asf),
    (b"\x93NUMPY", 0, _numpy),
)

# A sync byte every 188 bytes, with a payload or an adaptation field behind it, eight times: 67 bits.
_TRANSPORT_STREAM = re.compile(rb"(?s)(?:\x47..[\x10-\x3f\x50-\x7f\x90-\xbf\xd0-\xff].{184}){8}")
# The anchor of a BMP is too short to look at each: its reserved zeros and a known size of its header belong to it.
_BMP = re.compile(rb"(?s)BM.{4}\0\0\0\0.{2}\0\0[\x28\x34\x38\x6c\x7c]\0\0\0")
# How each kind begins in base64, and how many letters behind the beginning that stands.
_BASE64_ANCHORS = (
    (b"iVBORw0KGgo", 0), (b"/9j/", 0), (b"_9j_", 0), (b"R0lGOD", 0), (b"SUkqA", 0), (b"TU0AK", 0), (b"UklGR", 0),
    (b"Z0eXA", 6), (b"Z0eXB", 6), (b"1vb3", 6), (b"GkXfo", 0), (b"RkxWAQ", 0), (b"AAABu", 0), (b"MCaydY5mzx", 0),
    (b"k05VTVBZ", 0),
)  # fmt: skip
_BASE64_BMP = re.compile(rb"Qk[0-3][A-Za-z0-9+/_-]{5}AAAA")
_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/_\r\n-]+")


def _find_base64(data: bytes) -> str | None:
    starts = [found.start() for found in _BASE64_BMP.finditer(data)]
    for anchor, offset in _BASE64_ANCHORS:
        at = data.find(anchor)
        while at >= 0:
            starts.append(at - offset)
            at = data.find(anchor, at + 1)
    for start in starts:
        run = _BASE64_RUN.match(data, start, start + _HEAD) if start >= 0 else None
        if run is None:
            continue
        text = re.sub(rb"\s", b"", run[0]).replace(b"-", b"+").replace(b"_", b"/")
        found = _starts_with_media(base64.b64decode(text[: len(text) // 4 * 4]))
        if found is not None:
            return f"{found} in base64"
    return None


def _starts_with_media(head: bytes) -> str | None:
    if _BMP.match(head):
        return _bmp(head)
    for anchor, offset, kind in _ANCHORS:
        if head[offset : offset + len(anchor)] == anchor:
            found = kind(head)
            if found is not None:
                return found
    return None
