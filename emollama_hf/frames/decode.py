"""Frames of a video file by number: only what is needed is decoded, and damage is survived."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ClipError
from .clip import ClipInfo, check_indices
from .limits import check_count, check_duration, check_pixels
from .packets import PacketIndex, PacketTable, build_index, read_packets
from .reader import OpenStream, VideoReader, configure_decoder, decode_packet
from .settings import DEFAULT_LIMITS, DecodeLimits
from .source import ClipSource, local_file

if TYPE_CHECKING:
    import av

# Demuxers that read one file and nothing else. FFmpeg also knows playlists, which name further files and URLs:
# a text file called clip.mp4 must not make this process read them.
_CONTAINERS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,dv,nut,rm,ivf,gif,h264,hevc,m4v,obu,"
    "aac,aiff,flac,mp3,wav"  # audio alone: opened so that the error can say so
)

_ROUNDING_S = 1e-3  # times in tables are usually rounded to milliseconds


class VideoClip:
    """An opened video. Made by `open_video`; see `Clip` for what it offers."""

    def __init__(
        self,
        info: ClipInfo,
        index: PacketIndex,
        open_stream: OpenStream,
        limits: DecodeLimits,
        damaged: set[int],
    ) -> None:
        self.info = info
        self._index = index
        self._open_stream = open_stream
        self._limits = limits
        self._damaged = damaged

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
        reformatter = _new_reformatter()
        with VideoReader(self._open_stream, self._index, self._damaged) as reader:
            for number, frame in reader.read(wanted):
                self._check_size(frame)
                yield number, VideoPicture(frame, reformatter)

    def frames(self, indices: Sequence[int] | NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Number and (H, W, 3) uint8 RGB pixels of each wanted frame; see `pictures`."""
        for number, picture in self.pictures(indices):
            yield number, picture.rgb()

    def time_of(self, number: int) -> float:
        """Seconds from the first frame to a frame."""
        return float(self._index.times_s[number])

    def index_at(self, time_s: float) -> int:
        """Number of the frame shown at a time, in seconds from the first frame.

        Raises ClipError("bad_peak") for a time outside the clip.
        """
        if not -_ROUNDING_S <= time_s <= self.info.duration_s + _ROUNDING_S:
            raise ClipError(
                "bad_peak",
                f"the time {time_s:g} s lies outside the clip, which lasts {self.info.duration_s:.3f} s. "
                "Times count from the clip's first frame.",
            )
        number = int(np.searchsorted(self._index.times_s, time_s + _ROUNDING_S, side="right")) - 1
        return max(0, number)

    def _check_size(self, frame: av.VideoFrame) -> None:
        # A stream may change its size on the way, so the header's word is not enough.
        check_pixels(frame.width, frame.height, self._limits)


@dataclass(frozen=True)
class VideoPicture:
    """A decoded frame, held as the decoder made it (half the bytes of RGB)."""

    _frame: av.VideoFrame
    _reformatter: Any

    @property
    def nbytes(self) -> int:
        return sum(plane.buffer_size for plane in self._frame.planes)

    def rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB, turned as the file says."""
        pixels: NDArray[np.uint8] = self._reformatter.reformat(self._frame, format="rgb24").to_ndarray()
        turns = quarter_turns(self._frame)
        return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels


def quarter_turns(frame: av.VideoFrame) -> int:
    """How often a frame has to be turned by 90 degrees, counterclockwise, to be shown."""
    return round(frame.rotation / 90) % 4


def _new_reformatter() -> Any:
    from av.video.reformatter import VideoReformatter

    return VideoReformatter()  # one for a whole pass: it keeps its conversion tables


@contextmanager
def open_video(source: ClipSource, limits: DecodeLimits = DEFAULT_LIMITS) -> Iterator[VideoClip]:
    """Open a video and index its packets; nothing but its first frame is decoded yet.

    source: a path, a URL of any fsspec scheme, or the file's bytes.
    Yields a VideoClip. Raises ClipError: missing_file, empty_file, not_a_video, no_video_stream, no_frames,
    limit_exceeded.

        >>> with open_video("clip.mp4") as clip:
        ...     number, pixels = next(clip.frames([0]))
        >>> pixels.shape
        (480, 640, 3)
    """
    with ExitStack() as stack:
        local = stack.enter_context(local_file(source, limits))

        def open_stream() -> tuple[Any, Any]:
            container = _open_container(local)
            try:
                return container, _video_stream(container)
            except ClipError:
                container.close()
                raise

        container, stream = open_stream()
        stack.callback(container.close)
        _check_header(container, stream, limits)
        damaged: set[int] = set()
        table, first, errors = _scan(container, stream, limits, damaged)
        index = build_index(table, container.format.name, stream.codec_context.name, float(stream.time_base or 0))
        declared, found = stream.frames, len(table.pts)
        # Packets that the header promises and the file does not hold; numbered past the end, as nobody reads them.
        damaged.update(range(found, max(declared, found + errors)))
        if first is None or index.frame_count == 0:
            raise _no_frames(found, len(damaged), stream.codec_context.name)
        check_pixels(first.width, first.height, limits)
        info = _describe(index, stream, first)
        check_duration(info.duration_s, limits)
        container.close()
        yield VideoClip(info, index, open_stream, limits, damaged)


def _open_container(local: Path | bytes) -> Any:
    import av

    # "file:" keeps FFmpeg from reading a colon in a name as a protocol.
    file = BytesIO(local) if isinstance(local, bytes) else f"file:{local}"
    try:
        return av.open(file, options={"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"})
    except PermissionError as error:
        raise ClipError("missing_file", "may not be read. Check its permissions.") from error
    except av.FFmpegError as error:
        raise ClipError(
            "not_a_video",
            f"FFmpeg finds no video file in it ({error.strerror or error}); expected mp4, mov, webm, mkv, avi or the "
            "like. It may be cut off before its index (moov) or be another kind of file: copy or export it again.",
        ) from error


def _video_stream(container: Any) -> Any:
    import av

    # A song's cover art is a video stream of one picture to FFmpeg.
    cover = av.stream.Disposition.attached_pic
    streams = [s for s in container.streams.video if not s.disposition & cover]
    if not streams:
        kinds = sorted({s.type for s in container.streams})
        others = f"{' and '.join(kinds)} only" if kinds else "no stream at all"
        raise ClipError(
            "no_video_stream",
            f"no video stream ({others}). Remove the row.",
        )
    # The largest, and the first of equals: some files carry a small preview as well.
    stream = max(streams, key=lambda s: (getattr(s, "width", 0) or 0) * (getattr(s, "height", 0) or 0))
    if getattr(stream, "codec_context", None) is None:
        raise ClipError("no_frames", "FFmpeg has no decoder for its video stream. Convert it to H.264.")
    return stream


def _check_header(container: Any, stream: Any, limits: DecodeLimits) -> None:
    check_pixels(stream.codec_context.width, stream.codec_context.height, limits)
    check_count(stream.frames, limits)
    if container.duration:
        check_duration(container.duration / 1e6, limits)


def _scan(
    container: Any, stream: Any, limits: DecodeLimits, damaged: set[int]
) -> tuple[PacketTable, av.VideoFrame | None, int]:
    """All packets of the stream, the first frame that decodes, and how many places could not be read."""
    table = PacketTable()
    first: av.VideoFrame | None = None
    read_errors: list[Exception] = []
    configure_decoder(stream)
    for packet in read_packets(container, stream, read_errors.append):
        position = len(table.pts)
        table.add(packet)
        check_count(position + 1, limits)
        if packet.is_corrupt:
            damaged.add(position)
        # Only the first frame knows the rotation and the true size.
        if first is None:
            first = next(iter(decode_packet(stream.codec_context, packet, position, damaged)), None)
    if first is None:
        first = next(iter(decode_packet(stream.codec_context, None, -1, damaged)), None)
    return table, first, len(read_errors)


def _describe(index: PacketIndex, stream: Any, first: av.VideoFrame) -> ClipInfo:
    duration_s = index.duration_s
    measured = index.frame_count / duration_s if duration_s > 0 else math.nan
    declared = float(stream.average_rate or math.nan)
    # Containers with times in milliseconds (webm) make 23.98 of 24; the declared rate is exact where it is true.
    fps = declared if abs(declared - measured) < 0.01 * measured or math.isnan(measured) else measured
    width, height = first.width, first.height
    if quarter_turns(first) % 2:
        width, height = height, width
    return ClipInfo(index.frame_count, fps, duration_s, width, height)


def _no_frames(packets: int, damaged: int, codec: str) -> ClipError:
    return ClipError(
        "no_frames",
        f"not one frame can be decoded ({packets} {codec} packets, {damaged} damaged or missing). Copy or export it "
        "again.",
    )
