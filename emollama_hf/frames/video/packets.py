"""The packets of a video stream: reading them past damage, and what a first pass over them finds."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.video.bitstreams import Inspect
from emollama_hf.frames.video.timeline import UNKNOWN

_MAX_READ_ERRORS = 100


def _numbers() -> array[int]:
    return array("q")


@dataclass
class PacketTable:
    """Filled packet by packet, in the order of decoding; positions count from 0.

    inspect: looks into each packet (see `bitstreams`), or None if there is no use in it.
    hidden: positions that are decoded and never shown.  starts: positions at which decoding can start.
    orders: a number that grows in the order of showing, or UNKNOWN.
    leaves: positions on which no other depends, as far as the packets say it.
    each_is_a_picture: every packet so far shows one picture, or none and lies in `hidden`.
    may_drop: packets on which no other depends need not be decoded.
    """

    inspect: Inspect | None
    pts: array[int] = field(default_factory=_numbers)
    dts: array[int] = field(default_factory=_numbers)
    durations: array[int] = field(default_factory=_numbers)
    hidden: array[int] = field(default_factory=_numbers)
    starts: array[int] = field(default_factory=_numbers)
    orders: array[int] = field(default_factory=_numbers)
    leaves: array[int] = field(default_factory=_numbers)
    each_is_a_picture: bool = True
    may_drop: bool = True

    def __post_init__(self) -> None:
        self.each_is_a_picture = self.inspect is not None

    def __len__(self) -> int:
        return len(self.pts)

    def add(self, packet: Any) -> None:
        position = len(self.pts)
        self.pts.append(UNKNOWN if packet.pts is None else packet.pts)
        self.dts.append(UNKNOWN if packet.dts is None else packet.dts)
        self.durations.append(packet.duration or 0)
        hidden = packet.is_discard  # an edit list cuts the frame off; later frames may still need it for decoding
        if self.each_is_a_picture and self.inspect is not None:
            content = self.inspect(memoryview(packet), packet.is_keyframe)
            self.each_is_a_picture = content.known and content.shown <= 1
            self.may_drop = self.may_drop and content.droppable
            if content.start:
                self.starts.append(position)
            if content.is_leaf:
                self.leaves.append(position)
            hidden = hidden or content.shown == 0
            self.orders.append(UNKNOWN if content.order is None else content.order)
        if hidden:
            self.hidden.append(position)

    def column(self, name: str) -> NDArray[np.int64]:
        """A field but the flags as (n,) int64."""
        values = getattr(self, name)
        return np.frombuffer(values, np.int64) if values else np.zeros(0, np.int64)


def read_packets(container: Any, stream: Any, on_error: Callable[[Exception], None]) -> Iterator[Any]:
    """Every packet of a stream that holds data; a place that cannot be read is reported and stepped over."""
    import av

    errors = 0
    while errors < _MAX_READ_ERRORS:
        try:
            for packet in container.demux(stream):
                if packet.size:
                    yield packet
            return
        except av.FFmpegError as error:
            errors += 1
            on_error(error)
