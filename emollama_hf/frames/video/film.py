"""Opening a container, and which of its streams is the film."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from emollama_hf.errors import ClipError
from emollama_hf.frames.limits import check_pixels, decoder_pixels
from emollama_hf.frames.settings import DecodeLimits
from emollama_hf.frames.video.reader import configure_decoder, decode_packet

# Demuxers that read one file and nothing else. FFmpeg also knows playlists, which name further files and URLs:
# a text file called clip.mp4 must not make this process read them.
_CONTAINERS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,gxf,dv,nut,nsv,rm,wtv,ivf,gif,h264,hevc,m4v,obu,mjpeg,"
    "yuv4mpegpipe,"
    "aac,aiff,flac,mp3,wav"  # audio alone: has a waveform, and no video stream, which the error can then say
)

_LOOKED_AT = 1_000  # packets of a file that has no list of streams, until each video stream has shown a frame

_NO_DECODER = {"codec_whitelist": "none"}

# First frames of all video streams of a file that has no list of streams: FFmpeg decodes one of each to open it.
_FILMS_AT_ONCE = 2  # times max_pixels

#: Pixels, or channels of sound, that a stream marked as the default is ahead, as in FFmpeg's program.
DEFAULT_BONUS = 5_000_000


@dataclass(frozen=True)
class Film:
    """The stream of a file that shows the film.

    index: of that stream.  others: indices of the other video streams, which are never decoded.
    width, height: in pixels as the header declares them, 0 where it does not.
    """

    index: int
    others: frozenset[int]
    width: int
    height: int


def open_container(local: Path | bytes, limits: DecodeLimits, film: Film) -> Any:
    """The opened file; ClipError: missing_file, not_a_video, limit_exceeded.

    FFmpeg decodes frames to open a file. It is told how large they may be, and which streams need no decoder, for the
    streams that it finds in the header; of a container that has no list of streams the first frames are looked at
    before.
    """
    largest = {"max_pixels": decoder_pixels(limits)}
    each = [_NO_DECODER if i in film.others else largest for i in range(max(film.others | {film.index}) + 1)]
    try:
        return opened(local, largest, stream_options=each)
    except ValueError as error:
        if isinstance(error, ClipError):
            raise
        # Said by PyAV where streams are not known yet: nothing of the options would reach their decoders.
    _check_first_frames(local, limits)
    return opened(local, largest)


def opened(local: Path | bytes, options: dict[str, str], **more: Any) -> Any:
    """The file as PyAV's container; ClipError: missing_file, not_a_video."""
    import av

    # "file:" keeps FFmpeg from reading a colon in a name as a protocol.
    file = BytesIO(local) if isinstance(local, bytes) else f"file:{local}"
    try:
        # Tags may be in any encoding, and nothing here reads them.
        return av.open(
            file,
            options={"format_whitelist": _CONTAINERS, "protocol_whitelist": "file", **options},
            metadata_errors="replace",
            **more,
        )
    except PermissionError as error:
        raise ClipError("missing_file", "may not be read. Check its permissions.") from error
    except av.FFmpegError as error:
        raise ClipError(
            "not_a_video",
            f"FFmpeg finds no video file in it ({error.strerror or error}); expected mp4, mov, webm, mkv, avi or the "
            "like. It may be cut off before its index (moov) or be another kind of file: copy or export it again.",
        ) from error


def without_decoding(local: Path | bytes) -> Any:
    """The file opened so that FFmpeg looks at packets only: sizes are those that headers declare, 0 if none does."""
    return opened(local, _NO_DECODER)


def _check_first_frames(local: Path | bytes, limits: DecodeLimits) -> None:
    """ClipError("limit_exceeded") if video streams declare or begin with frames that are too large, alone or in sum."""
    import av

    decoded = 0
    with without_decoding(local) as container:
        waiting = {s.index: s for s in container.streams.video if getattr(s, "codec_context", None) is not None}
        for stream in waiting.values():
            check_pixels(stream.width or 0, stream.height or 0, limits)
            configure_decoder(stream, limits)
        try:
            for position, packet in enumerate(container.demux(list(waiting.values()))):
                stream = waiting.get(packet.stream_index)
                if stream is None or not packet.size:
                    continue
                frames = decode_packet(stream.codec_context, packet, position, set(), limits)
                if frames:
                    decoded += frames[0].width * frames[0].height
                    check_pixels(1, -(-decoded // _FILMS_AT_ONCE), limits)
                    del waiting[packet.stream_index]
                if not waiting or position >= _LOOKED_AT:
                    break
        except av.FFmpegError:
            pass  # a damaged place; the scan of the chosen stream reports it


def find_film(local: Path | bytes) -> Film:
    """The stream that shows the film: a moving picture before a still one, then as FFmpeg chooses. Decodes nothing.

    Raises ClipError: missing_file, not_a_video, no_video_stream, no_frames.
    Source: FFmpeg's program, whose default is the largest stream, one marked as the default far ahead.
    """
    with without_decoding(local) as container:
        everything = {s.index for s in container.streams.video}
        streams = _video_streams(container)
        sizes = {s.index: (s.width or 0, s.height or 0) for s in streams}
        if len(streams) > 1:
            moving = _moving(container, streams)
            streams = [s for s in streams if s.index in moving] or streams
        index: int = max(streams, key=lambda stream: _score(stream, sizes[stream.index])).index
    return Film(index, frozenset(everything - {index}), *sizes[index])


def check_size(stream: Any, film: Film, limits: DecodeLimits) -> None:
    """ClipError("limit_exceeded") for a film of frames that are too large. stream: of the opened file.

    FFmpeg's decoder knows the size better than a header, and leaves 0 if it refuses it.
    """
    width, height = stream.width or 0, stream.height or 0
    check_pixels(*((width, height) if width * height else (film.width, film.height)), limits)


def _video_streams(container: Any) -> list[Any]:
    import av

    # A song's cover art is a video stream of one picture to FFmpeg.
    pictures = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    streams = [s for s in container.streams.video if not s.disposition & pictures]
    if not streams:
        kinds = sorted({s.type for s in container.streams})
        others = f"{' and '.join(kinds)} only" if kinds else "no stream at all"
        raise ClipError(
            "no_video_stream",
            f"no video stream ({others}). Remove the row.",
        )
    decodable = [s for s in streams if getattr(s, "codec_context", None) is not None]
    if not decodable:
        raise ClipError("no_frames", "FFmpeg has no decoder for its video stream. Convert it to H.264.")
    return decodable


def _moving(container: Any, streams: list[Any]) -> set[int]:
    """Indices of the streams with more than one packet; reading ends as soon as all of them have."""
    import av

    packets = dict.fromkeys((s.index for s in streams), 0)
    try:
        for packet in container.demux(streams):
            packets[packet.stream_index] += packet.size > 0
            if min(packets.values()) > 1:
                break
    except av.FFmpegError:
        pass  # a damaged place; the scan of the chosen stream reports it
    return {index for index, count in packets.items() if count > 1}


def _score(stream: Any, size: tuple[int, int]) -> int:
    import av

    default = bool(stream.disposition & av.stream.Disposition.default)
    return size[0] * size[1] + DEFAULT_BONUS * default
