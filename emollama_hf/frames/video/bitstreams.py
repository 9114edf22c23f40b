"""What a packet holds by its own bytes: how many pictures it shows, and whether decoding can start at it.

FFmpeg's parsers know it, but PyAV exposes none of it: of a packet it gives the container's times and mark of a
keyframe, which may be wrong.
"""

from __future__ import annotations

from collections.abc import Callable

from emollama_hf.frames.video.h264 import H264Packets
from emollama_hf.frames.video.packet_content import DAMAGED, UNPROVED, PacketContent

#: (the packet's bytes, whether the container marks it as a keyframe) to its content.
Inspect = Callable[[memoryview, bool], PacketContent]

# Each packet is a picture by itself.
_SINGLE_PICTURES = {
    "mjpeg", "prores", "dnxhd", "png", "huffyuv", "ffvhuff", "utvideo", "magicyuv", "rawvideo", "dvvideo", "v210",
    "v410", "r210", "jpeg2000", "jpegls", "bmp", "tiff", "targa", "cfhd", "hap", "ljpeg", "asv1", "asv2", "cljr",
    "y41p", "yuv4", "v308", "v408", "ayuv",
}  # fmt: skip

#: Codecs that show packets in another order than that of the file.
REORDERING_CODECS = ("h264", "hevc")

_PICTURE = PacketContent(1, True, False, True)

_HEVC_SLICES = (*range(10), *range(16, 22))
_HEVC_STARTS = (19, 20, 21)  # IDR and clean random access; after broken links pictures are dropped
_HEVC_LEAVES = range(0, 16, 2)
_HEVC_BREAKS = (16, 17, 18, 36, 37)  # broken links, ends of sequence and of stream


def inspector(codec_name: str, extradata: bytes | None) -> Inspect | None:
    """How to look into the packets of a stream.

    Args:
        codec_name: of FFmpeg.
        extradata: what the container says about the decoder, `avcC` or `hvcC` for H.264 and H.265.

    Returns:
        From a packet to its content; None for a codec whose packets need not be pictures.
    """
    if codec_name in _SINGLE_PICTURES:
        return lambda data, keyframe: _PICTURE
    if codec_name == "h264" and extradata and len(extradata) > 6 and extradata[0] == 1:
        return H264Packets(extradata).inspect
    if codec_name == "hevc" and extradata and len(extradata) > 22 and extradata[0] == 1:
        length_size = (extradata[21] & 3) + 1
        return lambda data, keyframe: _hevc(data, length_size)
    return {"vp8": _vp8, "vp9": _vp9, "av1": _av1}.get(codec_name)


def _hevc(data: memoryview, length_size: int) -> PacketContent:
    pictures, start, droppable, slices, leaf = 0, False, True, False, True
    at, end = length_size, len(data)
    while at < end:
        size = int.from_bytes(data[at - length_size : at], "big")
        if not 2 < size <= end - at:
            return DAMAGED
        kind, layer = (data[at] >> 1) & 63, ((data[at] & 1) << 5) | (data[at + 1] >> 3)
        if kind in _HEVC_BREAKS:
            return UNPROVED
        if kind in _HEVC_SLICES and layer == 0:
            slices = True
            pictures += data[at + 2] >> 7  # the first slice segment
            start = start or kind in _HEVC_STARTS
            leaf = leaf and kind in _HEVC_LEAVES
            # Pictures of a higher layer of time may depend on what no picture of the same layer depends on.
            droppable = droppable and data[at + 1] & 7 == 1
        at += size + length_size
    return PacketContent(pictures, start, droppable, pictures > 0 or not slices, is_leaf=leaf and slices)


def _vp8(data: memoryview, keyframe: bool) -> PacketContent:
    return PacketContent((data[0] >> 4) & 1, not data[0] & 1, False, True)


def _vp9(data: memoryview, keyframe: bool) -> PacketContent:
    shown, start, at = 0, False, 0
    for size in _vp9_frame_sizes(data):
        if at + size > len(data) or size == 0:
            return UNPROVED
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
