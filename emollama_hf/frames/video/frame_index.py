"""Which frames a video shows, in which order and when: proved from its packets, or counted by decoding it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.video.bitstreams import REORDERING_CODECS
from emollama_hf.frames.video.packets import PacketTable
from emollama_hf.frames.video.timeline import UNKNOWN, even_timeline, largest_gap_s, timeline

# Containers that keep each packet as the encoder wrote it, with its time.
_FAITHFUL_CONTAINERS = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
_CLOCKS_THAT_JUMP = ("flv",)  # besides those of which FFmpeg says so


def _none() -> NDArray[np.int64]:
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class StreamFacts:
    """What the header says. container, codec: FFmpeg's names.  tick_s: the unit of times, in seconds.

    rate: frames a second, nan if unknown.  has_clock: the container stores times.  clock_jumps: and they may jump.
    reorder_depth: how many frames the decoder holds back to put them in order.
    """

    container: str
    codec: str
    tick_s: float
    rate: float
    has_clock: bool
    clock_jumps: bool
    reorder_depth: int

    @property
    def gap_s(self) -> float:
        return largest_gap_s(self.clock_jumps or self.container in _CLOCKS_THAT_JUMP)


@dataclass(frozen=True)
class FrameIndex:
    """The frames of a video. Positions count packets as they are decoded; numbers count frames as they are shown.

    times_s: (frames,) float64, seconds from the first frame, ascending; nan if unknown.
    duration_s: from the first frame's start to the last one's end; nan if unknown.
    counted: packets and frames do not correspond, so frames get their numbers while they come out of the decoder,
        which then has to run from the beginning. Everything below is empty then.
    numbers: (packets,) int64, the frame's number at each position, -1 for a packet that shows none.
    positions: (frames,) int64, the position of each frame's packet.
    starts: (k,) int64, positions at which decoding can start; the first is 0.
    pts, dts: (packets,) int64, presentation and decoding times in the stream's unit.
    seekable: the container can be searched by these times.
    may_drop: packets on which no other depends need not be decoded.
    leaves: (k,) int64, ascending, the frames on whose packets no other depends.
    """

    times_s: NDArray[np.float64]
    duration_s: float
    counted: bool
    numbers: NDArray[np.int64] = field(default_factory=_none)
    positions: NDArray[np.int64] = field(default_factory=_none)
    starts: NDArray[np.int64] = field(default_factory=_none)
    pts: NDArray[np.int64] = field(default_factory=_none)
    dts: NDArray[np.int64] = field(default_factory=_none)
    seekable: bool = False
    may_drop: bool = False
    leaves: NDArray[np.int64] = field(default_factory=_none)

    @property
    def frame_count(self) -> int:
        return len(self.times_s)

    def start_for(self, number: int) -> int:
        """The last position at which decoding can start to reach a frame."""
        if self.counted:
            return 0
        position = self.positions[number]
        before = self.starts[self.starts <= position]
        # In an open group of pictures some frames come after the keyframe in the file and before it on the
        # screen; these need the group before, too.
        before = before[self.pts[before] <= self.pts[position]]
        return int(before[-1]) if len(before) else 0


def index_from_packets(table: PacketTable, facts: StreamFacts) -> FrameIndex | None:
    """The index if the packets prove it, or None: a packet is not a frame, or its time not the order of showing.

    Source of the doubts: fields, packed B frames, packets that show nothing, recordings that begin within a group,
    joined files, containers without times, times that were written without B frames in mind.
    """
    stamps = _order_of_showing(table, facts)
    if stamps is None:
        return None
    pts, order, seekable = stamps
    shown = np.ones(len(pts), bool)
    shown[table.column("hidden")] = False
    positions = order[shown[order]]
    if not len(positions):
        return None
    numbers = np.full(len(pts), -1, np.int64)
    numbers[positions] = np.arange(len(positions))
    dts, last_duration = table.column("dts"), int(table.column("durations")[positions[-1]])
    times_s, duration_s = timeline(pts[positions], last_duration, facts.tick_s, facts.gap_s, facts.rate)
    return FrameIndex(
        times_s,
        duration_s,
        counted=False,
        numbers=numbers,
        positions=positions,
        starts=np.union1d([0], table.column("starts")),
        pts=pts,
        dts=np.where(dts == UNKNOWN, pts, dts),  # matroska stores none, and FFmpeg cannot tell the first ones
        seekable=seekable,
        may_drop=table.may_drop,
        leaves=np.setdiff1d(numbers[table.column("leaves")], [-1]),
    )


def _order_of_showing(
    table: PacketTable, facts: StreamFacts
) -> tuple[NDArray[np.int64], NDArray[np.int64], bool] | None:
    """The time of each packet, positions in the order of showing, and whether times name packets; None if unproved."""
    if not table.each_is_a_picture or not len(table):
        return None
    pts, dts, starts = table.column("pts"), table.column("dts"), table.column("starts")
    rising = bool((np.diff(dts[dts != UNKNOWN]) > 0).all())
    if len(starts) == len(table):  # no packet depends on another, so that their order is that of showing
        pts = dts if (pts == UNKNOWN).any() else pts
        in_order = bool((pts != UNKNOWN).all() and (np.diff(pts) > 0).all())
        return pts, np.arange(len(pts)), rising and in_order
    if facts.container not in _FAITHFUL_CONTAINERS or (pts == UNKNOWN).any() or not rising:
        return None
    if not len(starts) or starts[0] != 0 or pts[0] != pts.min():
        return None  # what stands before the first keyframe, in the file or on the screen, may never be shown
    in_order = bool((np.diff(pts) > 0).all())
    if facts.codec not in REORDERING_CODECS:
        return (pts, np.arange(len(pts)), True) if in_order else None
    if len(np.unique(pts)) < len(pts):
        return None
    by_time = np.argsort(pts, kind="stable")
    orders = table.column("orders")[by_time]
    if facts.codec == "h264":
        proved = bool((np.diff(orders[orders != UNKNOWN]) > 0).all())
    else:  # times that never fall back may be those of decoding
        proved = not in_order or facts.reorder_depth == 0
    return (pts, by_time, True) if proved else None


def index_from_frames(
    pts: NDArray[np.int64], dts: NDArray[np.int64], durations: NDArray[np.int64], facts: StreamFacts
) -> FrameIndex:
    """The index of frames as they came out of the decoder, whose order is that of showing.

    pts, dts, durations: (frames,) int64, the times that the decoder put on them, or UNKNOWN; 0 for no duration.
    """
    if not facts.has_clock:
        times_s, duration_s = even_timeline(len(pts), facts.rate)
    else:
        stamps = pts if _faults(pts) <= _faults(dts) else dts
        times_s, duration_s = timeline(stamps, _last_duration(stamps, durations), facts.tick_s, facts.gap_s, facts.rate)
    return FrameIndex(times_s, duration_s, counted=True)


def _last_duration(stamps: NDArray[np.int64], durations: NDArray[np.int64]) -> int:
    """The last frame's duration, or 0 where durations are those of packets, of which a frame takes several."""
    if len(stamps) < 2 or (stamps == UNKNOWN).any():
        return int(durations[-1]) if len(durations) else 0
    return int(durations[-1]) if 1.5 * np.median(durations) > np.median(np.diff(stamps)) else 0


def _faults(stamps: NDArray[np.int64]) -> int:
    """How often a clock does not move on; the number of frames for one that says next to nothing."""
    known = stamps[stamps != UNKNOWN]
    return int((np.diff(known) <= 0).sum()) if len(known) > 1 else len(stamps)


def frames_per_second(index: FrameIndex, declared: float) -> float:
    """The rate of an index: the declared one where it is true to 1 %, else the mean; nan if unknown."""
    measured = index.frame_count / index.duration_s if index.duration_s > 0 else math.nan
    # Containers with times in milliseconds (webm) make 23.98 of 24; the declared rate is exact where it is true.
    return declared if abs(declared - measured) < 0.01 * measured or math.isnan(measured) else measured
