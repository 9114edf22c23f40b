"""What a packet holds by its own bytes: how many pictures it shows, and whether decoding can start at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class PacketContent(NamedTuple):
    """What a packet says about itself.

    shown: pictures that it shows.  start: decoding that starts here gives every later picture as a whole decode does.
    droppable: a packet on which no other picture depends may be left out of the decoding.
    known: false where its bytes do not prove the rest.
    """

    shown: int
    start: bool
    droppable: bool
    known: bool


#: (the packet's bytes, whether the container marks it as a keyframe) to its content.
Inspect = Callable[[memoryview, bool], PacketContent]

# Each packet is a picture by itself.
_SINGLE_PICTURES = frozenset(
    "mjpeg prores dnxhd png huffyuv ffvhuff utvideo magicyuv rawvideo dvvideo v210 v410 r210 jpeg2000 "
    "jpegls bmp tiff targa cfhd hap ljpeg asv1 asv2 cljr y41p yuv4 v308 v408 ayuv".split()
)

#: Codecs that show packets in another order than that of the file.
REORDERING_CODECS = ("h264", "hevc")

_UNKNOWN = PacketContent(0, False, False, False)
_PICTURE = PacketContent(1, True, False, True)
_DAMAGED = PacketContent(1, False, True, True)  # the picture that it was; the decoder will say what is left of it

_H264_SLICES, _H264_PARTITIONS = (1, 5), (2, 3, 4)
_H264_SEI, _H264_SPS = 6, 7
_RECOVERY_POINT = 6
_HEVC_SLICES = (*range(10), *range(16, 22))
_HEVC_STARTS = (19, 20, 21)  # IDR and clean random access; after broken links pictures are dropped
_HEVC_BREAKS = (16, 17, 18, 36, 37)  # broken links, ends of sequence and of stream
# Profiles whose parameter sets say more about colours.
_HIGH_PROFILES = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)


def inspector(codec_name: str, extradata: bytes | None) -> Inspect | None:
    """How to look into the packets of a stream, or None for a codec whose packets need not be pictures.

    extradata: what the container says about the decoder, `avcC` or `hvcC` for H.264 and H.265.
    """
    if codec_name in _SINGLE_PICTURES:
        return lambda data, keyframe: _PICTURE
    if codec_name == "h264" and extradata and len(extradata) > 6 and extradata[0] == 1:
        if not _only_frames(_parameter_sets(extradata)):
            return None
        length_size = (extradata[4] & 3) + 1
        return lambda data, keyframe: _h264(data, keyframe, length_size)
    if codec_name == "hevc" and extradata and len(extradata) > 22 and extradata[0] == 1:
        length_size = (extradata[21] & 3) + 1
        return lambda data, keyframe: _hevc(data, length_size)
    return {"vp8": _vp8, "vp9": _vp9, "av1": _av1}.get(codec_name)


def _h264(data: memoryview, keyframe: bool, length_size: int) -> PacketContent:
    pictures, start, slices = 0, False, False
    at, end = length_size, len(data)
    while at < end:
        size = int.from_bytes(data[at - length_size : at], "big")
        if not 1 < size <= end - at:
            return _DAMAGED
        kind = data[at] & 31
        if kind in _H264_SLICES:
            slices = True
            pictures += data[at + 1] >> 7  # the slice that begins with the first macroblock
            start = start or kind == 5
        elif kind in _H264_PARTITIONS or (kind == _H264_SPS and not _only_frames([data[at : at + size]])):
            return _UNKNOWN
        elif kind == _H264_SEI and keyframe:
            start = start or _recovers_at_once(data[at + 1 : at + size])
        at += size + length_size
    return PacketContent(pictures, start, True, pictures > 0 or not slices)


def _recovers_at_once(message: memoryview) -> bool:
    """Whether a message is that of a recovery point, and that of the very picture, exactly."""
    at = 0
    while at + 2 < len(message):
        kind, size = message[at], message[at + 1]
        if 255 in (kind, size):
            return False
        if kind == _RECOVERY_POINT:
            return message[at + 2] & 0xC0 == 0xC0
        at += 2 + size
    return False


def _hevc(data: memoryview, length_size: int) -> PacketContent:
    pictures, start, droppable, slices = 0, False, True, False
    at, end = length_size, len(data)
    while at < end:
        size = int.from_bytes(data[at - length_size : at], "big")
        if not 2 < size <= end - at:
            return _DAMAGED
        kind, layer = (data[at] >> 1) & 63, ((data[at] & 1) << 5) | (data[at + 1] >> 3)
        if kind in _HEVC_BREAKS:
            return _UNKNOWN
        if kind in _HEVC_SLICES and layer == 0:
            slices = True
            pictures += data[at + 2] >> 7  # the first slice segment
            start = start or kind in _HEVC_STARTS
            # Pictures of a higher layer of time may depend on what no picture of the same layer depends on.
            droppable = droppable and data[at + 1] & 7 == 1
        at += size + length_size
    return PacketContent(pictures, start, droppable, pictures > 0 or not slices)


def _vp8(data: memoryview, keyframe: bool) -> PacketContent:
    return PacketContent((data[0] >> 4) & 1, not data[0] & 1, False, True)


def _vp9(data: memoryview, keyframe: bool) -> PacketContent:
    shown, start, at = 0, False, 0
    for size in _vp9_frame_sizes(data):
        if at + size > len(data) or size == 0:
            return _UNKNOWN
        profile = (data[at] >> 5 & 1) | (data[at] >> 4 & 1) << 1
        bits = data[at] << 8 | (data[at + 1] if size > 1 else 0)
        bits = bits << (5 if profile == 3 else 4) & 0xFFFF
        if bits & 0x8000:  # shows a picture that was decoded before
            shown += 1
        else:
            shown += bits >> 13 & 1
            start = start or not bits >> 14 & 1
        at += size
    return PacketContent(shown, start, False, True)


def _vp9_frame_sizes(data: memoryview) -> list[int]:
    """The frames that lie together in a packet; the index of several stands at its end."""
    marker = data[-1]
    count, width = (marker & 7) + 1, (marker >> 3 & 3) + 1
    index = 2 + count * width
    if marker & 0xE0 != 0xC0 or len(data) < index or data[-index] != marker:
        return [len(data)]
    first = len(data) - index + 1
    return [int.from_bytes(data[first + i * width : first + (i + 1) * width], "little") for i in range(count)]


def _av1(data: memoryview, keyframe: bool) -> PacketContent:
    return PacketContent(1, keyframe, False, True)  # a temporal unit shows exactly one picture


def _parameter_sets(avcc: bytes) -> list[memoryview]:
    """The sequence parameter sets of an `avcC`."""
    sets, at = [], 6
    for _ in range(avcc[5] & 31):
        size = int.from_bytes(avcc[at : at + 2], "big")
        sets.append(memoryview(avcc)[at + 2 : at + 2 + size])
        at += 2 + size
    return sets


def _only_frames(parameter_sets: list[memoryview]) -> bool:
    """Whether H.264's sequence parameter sets rule out pictures that come as two fields."""
    try:
        return all(_frames_only_flag(_Bits(unit)) for unit in parameter_sets)
    except IndexError:
        return False


def _frames_only_flag(bits: _Bits) -> bool:
    bits.read(8)
    profile = bits.read(8)
    bits.read(16)
    bits.golomb()
    if profile in _HIGH_PROFILES:
        colours = bits.golomb()
        if colours == 3:
            bits.read(1)
        bits.golomb(), bits.golomb(), bits.read(1)
        if bits.read(1):
            for i in range(8 if colours != 3 else 12):
                if bits.read(1):
                    _skip_scaling_list(bits, 16 if i < 6 else 64)
    bits.golomb()
    order = bits.golomb()
    if order == 0:
        bits.golomb()
    elif order == 1:
        bits.read(1), bits.golomb(), bits.golomb()
        for _ in range(bits.golomb()):
            bits.golomb()
    bits.golomb(), bits.read(1), bits.golomb(), bits.golomb()
    return bool(bits.read(1))


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            code = bits.golomb()
            following = (last + (code + 1 >> 1 if code & 1 else -(code >> 1))) % 256
        last = following or last


class _Bits:
    """The bits of a parameter set, without the bytes that keep start codes out of it."""

    def __init__(self, unit: memoryview) -> None:
        data = bytes(unit).replace(b"\0\0\3", b"\0\0")
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def read(self, count: int) -> int:
        if count > self._left:
            raise IndexError("a parameter set that ends too early")
        self._left -= count
        return self._value >> self._left & (1 << count) - 1

    def golomb(self) -> int:
        zeros = 0
        while not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + (self.read(zeros) if zeros else 0)
