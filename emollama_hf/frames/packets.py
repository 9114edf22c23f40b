"""The index of a video stream: which packet holds which frame, and where decoding can start."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Containers that store no presentation times. FFmpeg's parsers fill them in for most codecs but not for these
# two, where the times then count packets and not frames.
_CONTAINERS_WITHOUT_TIMES = ("avi", "h264", "hevc")
_CODECS_WITHOUT_TIMES_THERE = ("h264", "hevc")

_MAX_READ_ERRORS = 100


@dataclass
class PacketTable:
    """Filled packet by packet, in the order of decoding."""

    pts: array[int] = field(default_factory=lambda: array("q"))
    dts: array[int] = field(default_factory=lambda: array("q"))
    durations: array[int] = field(default_factory=lambda: array("q"))
    keyframes: array[int] = field(default_factory=lambda: array("q"))
    hidden: array[int] = field(default_factory=lambda: array("q"))
    has_all_pts: bool = True
    has_all_dts: bool = True

    def add(self, packet: Any) -> None:
        position = len(self.pts)
        pts = packet.dts if packet.pts is None else packet.pts
        self.has_all_pts = self.has_all_pts and packet.pts is not None
        self.has_all_dts = self.has_all_dts and packet.dts is not None
        self.pts.append(position if pts is None else pts)
        self.dts.append(self.pts[-1] if packet.dts is None else packet.dts)
        self.durations.append(packet.duration or 0)
        if packet.is_keyframe:
            self.keyframes.append(position)
        if packet.is_discard:  # an edit list cuts the frame off; later frames may still need it for decoding
            self.hidden.append(position)


@dataclass(frozen=True)
class PacketIndex:
    """Positions count packets as they are decoded; numbers count frames as they are shown.

    numbers: (packets,) int64, the frame's number at each position, -1 for a frame that is never shown.
    positions: (frames,) int64, the position of each frame's packet.
    times_s: (frames,) float64, seconds from the first frame, ascending.
    duration_s: from the first frame's start to the last one's end.
    keyframes: (k,) int64, positions at which decoding can start; the first is 0.
    pts, dts: (packets,) int64, presentation and decoding times in the stream's unit.
    restarted: the file's times start anew somewhere, as in joined recordings; pts and dts run on, and the file
        cannot be searched by time.
    counted: the container has no usable presentation times, so frames get their numbers while they come out of
        the decoder, which then has to run from the beginning.
    """

    numbers: NDArray[np.int64]
    positions: NDArray[np.int64]
    times_s: NDArray[np.float64]
    duration_s: float
    keyframes: NDArray[np.int64]
    pts: NDArray[np.int64]
    dts: NDArray[np.int64]
    restarted: bool
    counted: bool

    @property
    def frame_count(self) -> int:
        return len(self.positions)

    def start_for(self, number: int) -> int:
        """The last position at which decoding can start to reach a frame."""
        if self.counted:
            return 0
        position = self.positions[number]
        before = self.keyframes[self.keyframes <= position]
        # In an open group of pictures some frames come after the keyframe in the file and before it on the
        # screen; these need the group before, too.
        before = before[self.pts[before] <= self.pts[position]]
        return int(before[-1]) if len(before) else 0


def build_index(table: PacketTable, container_name: str, codec_name: str, tick_s: float) -> PacketIndex:
    """The index of a table of packets; tick_s is the unit of its times in seconds."""
    pts = np.frombuffer(table.pts, np.int64) if table.pts else np.zeros(0, np.int64)
    dts = np.frombuffer(table.dts, np.int64) if table.dts else np.zeros(0, np.int64)
    durations = np.frombuffer(table.durations, np.int64) if table.durations else np.zeros(0, np.int64)
    shown = np.ones(len(pts), bool)
    shown[list(table.hidden)] = False
    counted = not table.has_all_pts or (
        container_name in _CONTAINERS_WITHOUT_TIMES and codec_name in _CODECS_WITHOUT_TIMES_THERE
    )
    offsets = _restart_offsets(dts, durations) if table.has_all_dts else np.zeros_like(dts)
    pts, dts = pts + offsets, dts + offsets
    order = np.arange(len(pts)) if counted else np.argsort(pts, kind="stable")
    positions = order[shown[order]]
    numbers = np.full(len(pts), -1, np.int64)
    numbers[positions] = np.arange(len(positions))
    times_s, duration_s = _timeline(pts[positions], durations[positions], tick_s)
    keyframes = np.union1d([0], np.array(table.keyframes, np.int64)).astype(np.int64)
    return PacketIndex(numbers, positions, times_s, duration_s, keyframes, pts, dts, bool(offsets.any()), counted)


def _restart_offsets(dts: NDArray[np.int64], durations: NDArray[np.int64]) -> NDArray[np.int64]:
    """What to add to each packet's times so that decoding times, which must grow, never fall back."""
    if len(dts) < 2:
        return np.zeros_like(dts)
    step = np.diff(dts)
    jump = np.where(step < 0, np.maximum(durations[:-1], 1) - step, 0)
    return np.concatenate([[0], np.cumsum(jump)]).astype(np.int64)


def _timeline(pts: NDArray[np.int64], durations: NDArray[np.int64], tick_s: float) -> tuple[NDArray[np.float64], float]:
    if not len(pts):
        return np.zeros(0), 0.0
    ticks = np.maximum.accumulate(pts) - pts[0]
    last = int(durations[-1]) or (int(np.median(np.diff(ticks))) if len(ticks) > 1 else 0)
    return ticks * tick_s, float((ticks[-1] + last) * tick_s)


def read_packets(container: Any, stream: Any, on_error: Any) -> Iterator[Any]:
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
