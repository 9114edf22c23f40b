"""H.264's packets as mp4 and matroska store them: pictures, and their order of showing, by the slices' headers.

PyAV tells the order only of pictures that it has decoded. bitstring reads Exp-Golomb codes, too: it would replace
`_Bits` and not the grammar.
"""

from __future__ import annotations

from typing import NamedTuple

from emollama_hf.frames.video.packet_content import DAMAGED, UNPROVED, PacketContent

_SLICE, _WHOLE_NEW_START = 1, 5
_PARTITIONS = (2, 3, 4)
_EXTRA_MESSAGE, _PARAMETER_SET = 6, 7
_RECOVERY_POINT = 6
_REFERENCE = 0x60  # bits of a unit's first byte, 0 for a picture on which no other depends
# Profiles whose parameter sets say more about colours.
_HIGH_PROFILES = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)
_HEADER_BYTES = 20  # of a slice, enough for all that is read of it


class _Format(NamedTuple):
    """What a sequence parameter set says. Bits of a picture's number; kind and bits of its order of showing."""

    frames_only: bool
    colour_planes: bool
    number_bits: int
    order_kind: int
    order_bits: int


class H264Packets:
    """Looks into the packets of one stream, in the order of decoding.

    avcc: what the container says about the decoder.
    Source: ITU-T H.264, 7.3.2.1, 7.3.3 and 8.2.1; without fields, and with one parameter set's format for all.
    """

    def __init__(self, avcc: bytes) -> None:
        self._length_size = (avcc[4] & 3) + 1
        self._format: _Format | None = None
        self._proved = all(self._accept(unit) for unit in _parameter_sets(avcc))
        self._reference: int | None = None  # number of the last picture on which others may depend
        self._order_high = self._order_low = 0  # of that picture's order
        self._sequence = 0

    def inspect(self, data: memoryview, keyframe: bool) -> PacketContent:
        """What a packet holds; keyframe: whether the container marks it as one."""
        pictures, start, slices, order, leaf = 0, False, False, None, True
        size_of_length = self._length_size
        at, end = size_of_length, len(data)
        while at < end:
            size = int.from_bytes(data[at - size_of_length : at], "big")
            if not 1 < size <= end - at:
                self._reference = None
                return DAMAGED
            kind = data[at] & 31
            if kind in (_SLICE, _WHOLE_NEW_START):
                slices = True
                leaf = leaf and not data[at] & _REFERENCE
                if data[at + 1] & 0x80:  # begins with the first macroblock
                    pictures += 1
                    start = start or kind == _WHOLE_NEW_START
                    order = self._order_of(data[at : at + min(size, _HEADER_BYTES)])
                    self._proved = self._proved and order is not None
            elif kind in _PARTITIONS:
                return UNPROVED
            elif kind == _PARAMETER_SET:
                self._proved = self._proved and self._accept(data[at : at + size])
            elif kind == _EXTRA_MESSAGE and keyframe:
                start = start or _recovers_at_once(data[at + 1 : at + size])
            at += size + size_of_length
        known = self._proved and (pictures > 0 or not slices)
        return PacketContent(pictures, start, True, known, order, leaf and slices)

    def _accept(self, unit: memoryview) -> bool:
        """Whether a parameter set rules out fields and agrees with those before."""
        try:
            found = _format(_Bits(unit))
        except IndexError:
            return False
        self._format = self._format or found
        return found == self._format and found.frames_only

    def _order_of(self, unit: memoryview) -> int | None:
        """The place of a slice's picture in the order of showing; None if unknown, or if pictures before it miss."""
        if self._format is None:
            return None
        new_start, is_reference = unit[0] & 31 == _WHOLE_NEW_START, bool(unit[0] & _REFERENCE)
        bits = _Bits(unit)
        try:
            bits.read(8)
            bits.golomb(), bits.golomb(), bits.golomb()
            if self._format.colour_planes:
                bits.read(2)
            number = bits.read(self._format.number_bits)
            if new_start:
                bits.golomb()
            low = bits.read(self._format.order_bits) if self._format.order_kind == 0 else 0
        except IndexError:
            return None
        if new_start:
            self._sequence += 1
            self._order_high = self._order_low = 0
        elif self._reference is not None and (number - self._reference) % (1 << self._format.number_bits) > 1:
            return None
        if is_reference:
            self._reference = number
        if self._format.order_kind == 2:  # that of decoding
            self._order_high += 1
            return (self._sequence << 40) + self._order_high
        return (self._sequence << 40) + self._unwrapped(low, is_reference) if self._format.order_kind == 0 else None

    def _unwrapped(self, low: int, is_reference: bool) -> int:
        period = 1 << self._format.order_bits if self._format else 1
        high = self._order_high
        if low - self._order_low <= -period // 2:
            high += period
        elif low - self._order_low > period // 2:
            high -= period
        if is_reference:
            self._order_high, self._order_low = high, low
        return high + low


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


def _parameter_sets(avcc: bytes) -> list[memoryview]:
    """The sequence parameter sets of an `avcC`."""
    sets, at = [], 6
    for _ in range(avcc[5] & 31):
        size = int.from_bytes(avcc[at : at + 2], "big")
        sets.append(memoryview(avcc)[at + 2 : at + 2 + size])
        at += 2 + size
    return sets


def _format(bits: _Bits) -> _Format:
    bits.read(8)
    profile = bits.read(8)
    bits.read(16)
    bits.golomb()
    colours = 1
    colour_planes = False
    if profile in _HIGH_PROFILES:
        colours = bits.golomb()
        if colours == 3:
            colour_planes = bool(bits.read(1))
        bits.golomb(), bits.golomb(), bits.read(1)
        if bits.read(1):
            for i in range(8 if colours != 3 else 12):
                if bits.read(1):
                    _skip_scaling_list(bits, 16 if i < 6 else 64)
    number_bits = bits.golomb() + 4
    order_kind, order_bits = bits.golomb(), 0
    if order_kind == 0:
        order_bits = bits.golomb() + 4
    elif order_kind == 1:
        bits.read(1), bits.golomb(), bits.golomb()
        for _ in range(bits.golomb()):
            bits.golomb()
    bits.golomb(), bits.read(1), bits.golomb(), bits.golomb()
    return _Format(bool(bits.read(1)), colour_planes, number_bits, order_kind, order_bits)


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            code = bits.golomb()
            following = (last + (code + 1 >> 1 if code & 1 else -(code >> 1))) % 256
        last = following or last


class _Bits:
    """The bits of a unit, without the bytes that keep start codes out of it."""

    def __init__(self, unit: memoryview) -> None:
        data = bytes(unit).replace(b"\0\0\3", b"\0\0")
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def read(self, count: int) -> int:
        if count > self._left:
            raise IndexError("a unit that ends too early")
        self._left -= count
        return self._value >> self._left & (1 << count) - 1

    def golomb(self) -> int:
        rest = self._value & (1 << self._left) - 1
        zeros = self._left - rest.bit_length()
        return self.read(2 * zeros + 1) - 1
