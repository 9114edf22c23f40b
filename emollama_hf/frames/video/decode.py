"""Frames of a video file by number: only what is needed is decoded, and damage is survived."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emollama_hf.errors import ClipError
from emollama_hf.frames.clip import ClipInfo, check_indices
from emollama_hf.frames.limits import check_count, check_duration, check_pixels
from emollama_hf.frames.settings import DEFAULT_LIMITS, DecodeLimits
from emollama_hf.frames.source import ClipSource, local_file
from emollama_hf.frames.video.as_shown import Converters, PixelAspect, VideoPicture, pixel_shape, shown_size
from emollama_hf.frames.video.bitstreams import inspector
from emollama_hf.frames.video.file_end import is_cut_off
from emollama_hf.frames.video.film import check_size, find_film, open_container
from emollama_hf.frames.video.frame_index import (
    FrameIndex,
    StreamFacts,
    frames_per_second,
    index_from_frames,
    index_from_packets,
)
from emollama_hf.frames.video.packets import PacketTable, read_packets
from emollama_hf.frames.video.reader import OpenStream, VideoReader, configure_decoder, count_frames, decode_packet
from emollama_hf.frames.video.timeline import timeline

if TYPE_CHECKING:
    import av

_ROUNDING_S = 1e-3  # times in tables are usually rounded to milliseconds


class VideoClip:
    """An opened video. Made by `open_video`; see `Clip` for what it offers."""

    def __init__(
        self,
        info: ClipInfo,
        index: FrameIndex,
        open_stream: OpenStream,
        limits: DecodeLimits,
        damaged: set[int],
        shape: Fraction,
    ) -> None:
        self.info = info
        self._index = index
        self._open_stream = open_stream
        self._limits = limits
        self._damaged = damaged
        self._pixel_shape = shape

    @property
    def damaged_packets(self) -> int:
        return len(self._damaged)

    def pictures(self, indices: Sequence[int] | NDArray[np.int64]) -> Iterator[tuple[int, VideoPicture]]:
        """Number and picture of each wanted frame, in one pass over the file.

        indices: ascending, without repetition, 0..frame_count-1.
        A frame that cannot be decoded is replaced by the next one that can, or else by the last before it.
        """
        wanted = check_indices(indices, self.info.frame_count)
        if not wanted:
            return
        converters = Converters()
        with VideoReader(self._open_stream, self._index, self._limits, self._damaged) as reader:
            for number, frame in reader.read(wanted):
                # A stream may change its size on the way, so the header's word is not enough.
                check_pixels(*shown_size(frame, self._pixel_shape), self._limits)
                yield number, VideoPicture(frame, converters, self._pixel_shape)

    def frames(self, indices: Sequence[int] | NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Number and (H, W, 3) uint8 RGB pixels of each wanted frame; see `pictures`."""
        for number, picture in self.pictures(indices):
            yield number, picture.rgb()

    def read_anyway(self, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """See `Clip.read_anyway`: in streams that leave frames out, those on which others depend."""
        if not self._index.may_drop or not len(self._index.leaves):
            return np.zeros(len(numbers), bool)
        return ~np.isin(numbers, self._index.leaves)

    def time_of(self, number: int) -> float:
        """Seconds from the first frame to a frame; nan where the file says neither times nor a rate."""
        return float(self._index.times_s[number])

    def index_at(self, time_s: float) -> int:
        """Number of the frame shown at a time, in seconds from the first frame.

        Raises ClipError("bad_peak") for a time outside the clip, or where the file says neither times nor a rate.
        """
        if math.isnan(self.info.duration_s):
            raise ClipError(
                "bad_peak",
                f"{time_s:g} is a time in seconds, and the file says neither times nor a rate. Give the frame's "
                "number (an int).",
            )
        if not -_ROUNDING_S <= time_s <= self.info.duration_s + _ROUNDING_S:
            raise ClipError(
                "bad_peak",
                f"the time {time_s:g} s lies outside the clip, which lasts {self.info.duration_s:.3f} s. "
                "Times count from the clip's first frame.",
            )
        number = int(np.searchsorted(self._index.times_s, time_s + _ROUNDING_S, side="right")) - 1
        return max(0, number)


@contextmanager
def open_video(
    source: ClipSource, limits: DecodeLimits = DEFAULT_LIMITS, *, pixel_aspect: PixelAspect = "square"
) -> Iterator[VideoClip]:
    """Open a video and number the frames that a decoder shows of it.

    Where packets prove to be frames (H.264, H.265, VP8, VP9, AV1 in mp4, mov, mkv and webm, and codecs whose every
    packet is a picture), nothing but the first frame is decoded; any other file is decoded once to count.

    source: a path, a URL of any fsspec scheme, or the file's bytes.
    pixel_aspect: "square" widens or narrows frames whose pixels are not square; "stored" leaves them as they are.
    Yields a VideoClip. Raises ClipError: missing_file, empty_file, not_a_video, no_video_stream, no_frames,
    limit_exceeded.

        >>> with open_video("clip.mp4") as clip:
        ...     number, pixels = next(clip.frames([0]))
        >>> pixels.shape
        (480, 640, 3)
    """
    with ExitStack() as stack:
        local = stack.enter_context(local_file(source, limits))
        damaged: set[int] = set()
        film = find_film(local)
        with open_container(local, limits, film) as container:
            stream = container.streams[film.index]
            check_size(stream, film, limits)
            check_count(_declared_packets(container, stream), limits)
            shape = pixel_shape(stream, pixel_aspect)
            table, first, errors = _scan(container, stream, limits, damaged)
            facts = _facts(container, stream)
            declared = float(stream.average_rate or math.nan) if facts.has_clock else facts.rate
            missing = _missing_packets(local, container, stream, table, errors)

        def open_stream() -> tuple[Any, Any]:
            container = open_container(local, limits, film)
            return container, container.streams[film.index]

        # Packets that the header promises and the file does not hold; numbered past the end, as nobody reads them.
        damaged.update(range(len(table), len(table) + missing))
        if first is None:
            raise _no_frames(len(table), len(damaged), facts.codec)
        check_pixels(*shown_size(first, shape), limits)
        index = index_from_packets(table, facts)
        if index is None:
            check_duration(_rough_duration_s(table, facts), limits)
            counted = count_frames(
                open_stream, limits, damaged, lambda frame: check_pixels(*shown_size(frame, shape), limits)
            )
            index = index_from_frames(*counted.columns(), facts)
        if index.frame_count == 0:
            raise _no_frames(len(table), len(damaged), facts.codec)
        check_duration(index.duration_s, limits)
        info = ClipInfo(
            index.frame_count, frames_per_second(index, declared), index.duration_s, *shown_size(first, shape)
        )
        yield VideoClip(info, index, open_stream, limits, damaged, shape)


def _scan(
    container: Any, stream: Any, limits: DecodeLimits, damaged: set[int]
) -> tuple[PacketTable, av.VideoFrame | None, int]:
    """All packets of the stream, the first frame that decodes, and how many places could not be read."""
    context = stream.codec_context
    table = PacketTable(inspector(context.codec.canonical_name, context.extradata))
    first: av.VideoFrame | None = None
    read_errors: list[Exception] = []
    configure_decoder(stream, limits)
    for packet in read_packets(container, stream, read_errors.append):
        position = len(table)
        table.add(packet)
        check_count(position + 1, limits)
        if packet.is_corrupt:
            damaged.add(position)
        # Only the first frame knows the orientation and the true size.
        if first is None:
            first = next(iter(decode_packet(context, packet, position, damaged, limits)), None)
    if first is None:
        first = next(iter(decode_packet(context, None, -1, damaged, limits)), None)
    return table, first, len(read_errors)


def _facts(container: Any, stream: Any) -> StreamFacts:
    """What a stream is, once its first frame has been decoded."""
    import av

    context = stream.codec_context
    flags = av.format.Flags
    has_clock = not container.format.flags & flags.no_timestamps.value
    # The rate of a bare stream is FFmpeg's guess unless the codec's own header says it.
    rate = (stream.average_rate if has_clock else context.framerate) or math.nan
    return StreamFacts(
        container=container.format.name,
        codec=context.codec.canonical_name,
        tick_s=float(stream.time_base or 0),
        rate=float(rate),
        has_clock=has_clock,
        clock_jumps=bool(container.format.flags & flags.ts_discont.value),
        reorder_depth=int(context.has_b_frames),
    )


def _missing_packets(local: Path | bytes, container: Any, stream: Any, table: PacketTable, errors: int) -> int:
    """How many packets the header promises and the file does not hold."""
    if is_cut_off(local, container.format.name) is False:
        # The header also counts chunks without bytes (dropped frames of AVI), and what an edit list leaves out.
        return errors
    return max(_declared_packets(container, stream) - len(table), errors)


def _declared_packets(container: Any, stream: Any) -> int:
    """How many packets the header says that there are, 0 if it does not. In IVF some write the duration there."""
    return 0 if container.format.name == "ivf" else int(stream.frames)


def _rough_duration_s(table: PacketTable, facts: StreamFacts) -> float:
    """How long the packets last, before anything is decoded; nan where times are unknown."""
    return timeline(table.column("dts"), 0, facts.tick_s, facts.gap_s, facts.rate)[1]


def _no_frames(packets: int, damaged: int, codec: str) -> ClipError:
    return ClipError(
        "no_frames",
        f"not one frame can be decoded ({packets} {codec} packets, {damaged} damaged or missing). Copy or export it "
        "again.",
    )
