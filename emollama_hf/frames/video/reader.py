"""One pass of a decoder over a video's packets, which skips what nobody asked for."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emollama_hf.errors import ClipError
from emollama_hf.frames.limits import decoder_pixels
from emollama_hf.frames.settings import DecodeLimits
from emollama_hf.frames.video.frame_index import FrameIndex
from emollama_hf.frames.video.packets import read_packets
from emollama_hf.frames.video.refused_size import check_refused
from emollama_hf.frames.video.timeline import UNKNOWN

if TYPE_CHECKING:
    import av

# Opens the file anew: a container and its video stream.
OpenStream = Callable[[], tuple[Any, Any]]

_LEANS_ON_OTHERS = (2, 3)  # FFmpeg's picture types P and B

# Damaged packets of a clip that are asked whether the size of their frame was refused: it takes a decoder each.
_LOOKED_AT = 1_000

# Decoders that can be told before any packet to leave it out if no other depends on it. Others read that word once,
# when they open (dav1d), or leave out more than a picture.
_DROPPING_DECODERS = ("h264", "hevc")


def configure_decoder(stream: Any, limits: DecodeLimits, *, only_count: bool = False) -> None:
    """Everything that a decoder is told. It may read it when it opens and never again, so nothing is added later.

    One thread: with several, what a damaged frame is patched up with depends on who comes first. Clips are decoded
    in parallel by processes, so no core stays idle for it.
    limits: `max_pixels` is refused by the decoder before it allocates a frame.
    only_count: whether frames come out is what matters, and not how smooth they are.
    """
    stream.thread_type = "NONE"
    stream.codec_context.thread_count = 1
    options = {"max_pixels": decoder_pixels(limits)}
    stream.codec_context.options = options | ({"skip_loop_filter": "all"} if only_count else {})


def decode_packet(
    context: Any, packet: Any, position: int, damaged: set[int], limits: DecodeLimits
) -> list[av.VideoFrame]:
    """The frames that a packet (None: the end) brings out; a packet that fails is noted and brings none.

    Raises ClipError("limit_exceeded") if the decoder refused the size of its frame; in a clip with more than a thousand
    damaged packets that is one more of them.
    """
    import av

    try:
        frames: list[av.VideoFrame] = context.decode(packet)
        return frames
    except av.FFmpegError:
        if position >= 0:
            damaged.add(position)
            if len(damaged) <= _LOOKED_AT:
                check_refused(context, packet, limits)
        return []


class FrameClock:
    """What the decoder says of the times of all frames, as they come out, in the stream's unit."""

    def __init__(self) -> None:
        self._pts, self._dts, self._durations = array("q"), array("q"), array("q")

    def add(self, frame: av.VideoFrame) -> None:
        self._pts.append(UNKNOWN if frame.pts is None else frame.pts)
        self._dts.append(UNKNOWN if frame.dts is None else frame.dts)
        self._durations.append(frame.duration or 0)

    def columns(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """pts, dts and durations, (frames,) int64 each; UNKNOWN for a missing time, 0 for a missing duration."""
        return np.array(self._pts, np.int64), np.array(self._dts, np.int64), np.array(self._durations, np.int64)


def count_frames(
    open_stream: OpenStream, limits: DecodeLimits, damaged: set[int], check: Callable[[av.VideoFrame], None]
) -> FrameClock:
    """Decode a whole file for nothing but the times of its frames. check: looks at each, and may raise."""
    found = FrameClock()
    container, stream = open_stream()
    try:
        configure_decoder(stream, limits, only_count=True)
        for position, packet in enumerate(read_packets(container, stream, lambda error: None)):
            for frame in decode_packet(stream.codec_context, packet, position, damaged, limits):
                check(frame)
                found.add(frame)
        for frame in decode_packet(stream.codec_context, None, -1, damaged, limits):
            check(frame)
            found.add(frame)
    finally:
        container.close()
    return found


class _NotAKeyframe(Exception):
    """A jump went to a packet that is marked as a keyframe and is none."""


class VideoReader:
    """Reads frames by number, ascending, from a file that it opens for itself.

    limits: of the clip.
    damaged: positions of packets that cannot be decoded are added to it.
    may_jump: whether groups of pictures that hold no wanted frame are left out.
    """

    def __init__(
        self,
        open_stream: OpenStream,
        index: FrameIndex,
        limits: DecodeLimits,
        damaged: set[int],
        may_jump: bool = True,
    ) -> None:
        self._open_stream = open_stream
        self._index = index
        self._limits = limits
        self._damaged = damaged
        self._may_jump = may_jump
        self._lost: int | None = None  # a wanted frame whose packet failed, until another stands in for it
        self._landed: int | None = None  # the frame that a jump went to, until it has come out
        self._start_at = {int(index.pts[k]): int(k) for k in index.starts} if index.seekable else {}

    def __enter__(self) -> VideoReader:
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def read(self, wanted: list[int]) -> Iterator[tuple[int, av.VideoFrame]]:
        """Number and frame of each wanted number (ascending).

        In place of a frame that cannot be decoded comes the next one that can, or else the last before it.
        """
        waiting = list(wanted)
        last: av.VideoFrame | None = None
        try:
            for number, frame in self._decode(wanted):
                while waiting and waiting[0] <= number:
                    yield waiting.pop(0), frame
                if not waiting:
                    return
                last = frame
        except _NotAKeyframe:
            last = None
        if waiting and last is None and self._may_jump:
            start_over = VideoReader(self._open_stream, self._index, self._limits, self._damaged, may_jump=False)
            with start_over as from_start:
                yield from from_start.read(waiting)
            return
        for number in waiting:
            if last is None:
                raise ClipError("no_frames", "its first frame could be decoded when it was opened, now none can.")
            yield number, last

    def _decode(self, wanted: list[int]) -> Iterator[tuple[int, av.VideoFrame]]:
        """Every frame that comes out of the decoder on the way to the wanted ones, with its number."""
        wanted_set = set(wanted)
        index = self._index
        for number in wanted:
            start = index.start_for(number) if self._may_jump else 0
            if start > self._position:
                yield from self._drain()
                self._jump(start)
            while (
                self._counter <= number
                if index.counted
                else self._position <= index.positions[number] or self._lost is not None
            ):
                packet = next(self._packets, None)
                if packet is None:
                    break
                yield from self._feed(packet, wanted_set)
        yield from self._drain()

    def _feed(self, packet: Any, wanted: set[int]) -> Iterator[tuple[int, av.VideoFrame]]:
        position = self._position
        self._position += 1
        number = int(self._index.numbers[position]) if position < len(self._index.numbers) else -1
        if not self._index.counted:
            # The decoder hands the time of a packet on to its frame: the frame's number travels in its place.
            packet.pts = number
            if self._may_drop:
                # Frames on which no other frame depends are not even decoded unless they are wanted, or one is
                # needed to stand in for a wanted one that was lost.
                needed = number in wanted or self._lost is not None
                self._context.skip_frame = "DEFAULT" if needed else "NONREF"
        frames = decode_packet(self._context, packet, position, self._damaged, self._limits)
        if not frames and position in self._damaged and number in wanted:
            self._lost = number
        yield from self._numbered(frames)

    def _numbered(self, frames: list[av.VideoFrame]) -> Iterator[tuple[int, av.VideoFrame]]:
        for frame in frames:
            number = self._counter if self._index.counted else frame.pts
            self._counter += 1
            if number is None or number < 0:
                continue
            if self._landed is not None and number >= self._landed:
                # With intra refresh a picture is renewed piece by piece, and no packet is a place to start at.
                if frame.pict_type in _LEANS_ON_OTHERS:
                    raise _NotAKeyframe
                self._landed = None
            if self._lost is not None and number > self._lost:
                self._lost = None
            yield number, frame

    def _drain(self) -> Iterator[tuple[int, av.VideoFrame]]:
        """Frames that the decoder still holds back because later ones might have to be shown first."""
        yield from self._numbered(decode_packet(self._context, None, -1, self._damaged, self._limits))
        self._context.flush_buffers()
        if self._landed is not None:  # a jump after which nothing came out
            raise _NotAKeyframe

    def _open(self) -> None:
        self._container, stream = self._open_stream()
        self._stream = stream
        configure_decoder(stream, self._limits)
        self._context = stream.codec_context
        self._may_drop = self._index.may_drop and self._context.codec.name in _DROPPING_DECODERS
        self._packets = read_packets(self._container, stream, lambda error: None)  # noted when indexing
        self._position = self._counter = 0
        self._lost = self._landed = None

    def _jump(self, start: int) -> None:
        """Make the packet at a position the next one."""
        if not self._seek(start):
            # Without a usable seek table, reading on from the beginning costs time but is never wrong.
            self._container.close()
            self._open()
        while self._position < start and next(self._packets, None) is not None:
            self._position += 1
        self._lost, self._landed = None, int(self._index.numbers[start])

    def _seek(self, start: int) -> bool:
        """Let the container jump to a position or a little before it; false if that cannot be made sure of."""
        import av

        if not self._index.seekable:
            return False
        try:
            self._container.seek(int(self._index.dts[start]), stream=self._stream)
        except av.FFmpegError:
            return False
        packets = read_packets(self._container, self._stream, lambda error: None)
        for packet in packets:
            found = self._start_at.get(packet.dts if packet.pts is None else packet.pts)
            if found is not None:
                self._position = found
                self._packets = _with_first(packet, packets)
                return found <= start
        return False


def _with_first(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest
