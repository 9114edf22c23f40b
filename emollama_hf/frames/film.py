"""Opening a container, and which of its streams is the film."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from ..errors import ClipError
from .limits import check_pixels, decoder_pixels
from .reader import configure_decoder, decode_packet
from .settings import DecodeLimits

# Demuxers that read one file and nothing else. FFmpeg also knows playlists, which name further files and URLs:
# a text file called clip.mp4 must not make this process read them.
_CONTAINERS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,gxf,dv,nut,nsv,rm,wtv,ivf,gif,h264,hevc,m4v,obu,mjpeg,"
    "yuv4mpegpipe,"
    "aac,aiff,flac,mp3,wav"  # audio alone: opened so that the error can say so
)

_LOOKED_AT = 1_000  # packets of a file that has no list of streams, until each video stream has shown a frame

_DEFAULT_BONUS = 5_000_000  # pixels that a stream marked as the default is ahead, as in FFmpeg's program


def open_container(local: Path | bytes, limits: DecodeLimits) -> Any:
    """The opened file; ClipError: missing_file, not_a_video, limit_exceeded.

    FFmpeg decodes frames to open a file. It is told how large they may be for the streams that it finds in the header;
    of a container that has no list of streams the first frames are looked at before.
    """
    largest = decoder_pixels(limits)
    try:
        return _opened(local, {"max_pixels": largest}, stream_options=[{"max_pixels": largest}])
    except ValueError as error:
        if isinstance(error, ClipError):
            raise
        # Said by PyAV where streams are not known yet: nothing of the options would reach their decoders.
    _check_first_frames(local, limits)
    return _opened(local, {"max_pixels": largest})


def _opened(local: Path | bytes, options: dict[str, str], **more: Any) -> Any:
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


def _without_decoding(local: Path | bytes) -> Any:
    """The file opened so that FFmpeg looks at packets only: sizes are those that headers declare, 0 if none does."""
    return _opened(local, {"codec_whitelist": "none"})


def _check_first_frames(local: Path | bytes, limits: DecodeLimits) -> None:
    """ClipError("limit_exceeded") if a video stream declares or begins with frames that are too large."""
    import av

    with _without_decoding(local) as container:
        waiting = {s.index: s for s in container.streams.video if getattr(s, "codec_context", None) is not None}
        for stream in waiting.values():
            check_pixels(stream.width or 0, stream.height or 0, limits)
            configure_decoder(stream, limits)
        try:
            for position, packet in enumerate(container.demux(list(waiting.values()))):
                stream = waiting.get(packet.stream_index)
                if stream is None or not packet.size:
                    continue
                if decode_packet(stream.codec_context, packet, position, set(), limits):
                    del waiting[packet.stream_index]
                if not waiting or position >= _LOOKED_AT:
                    break
        except av.FFmpegError:
            pass  # a damaged place; the scan of the chosen stream reports it


def film_stream(container: Any, local: Path | bytes, limits: DecodeLimits) -> int:
    """The index of the stream that shows the film: a moving picture before a still one, then as FFmpeg chooses.

    container: the opened file, of which no packet is read.  local: the file, opened once more if it has several.
    Raises ClipError: no_video_stream, no_frames, limit_exceeded.
    Source: FFmpeg's program, whose default is the largest stream, one marked as the default far ahead.
    """
    streams = _video_streams(container)
    if len(streams) > 1:
        with _without_decoding(local) as again:
            moving = _moving(again, [again.streams[s.index] for s in streams])
        streams = [s for s in streams if s.index in moving] or streams
    sizes = _sizes(streams, local)
    index: int = max(streams, key=lambda stream: _score(stream, sizes[stream.index])).index
    check_pixels(*sizes[index], limits)
    return index


def _sizes(streams: list[Any], local: Path | bytes) -> dict[int, tuple[int, int]]:
    """Width and height of each stream by its index. A decoder that refuses a size leaves 0 in its place."""
    sizes = {s.index: (s.width or 0, s.height or 0) for s in streams}
    if not all(width * height for width, height in sizes.values()):
        with _without_decoding(local) as again:
            declared = {s.index: (s.width or 0, s.height or 0) for s in again.streams.video}
        sizes = {index: size if size[0] * size[1] else declared.get(index, size) for index, size in sizes.items()}
    return sizes


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
    return size[0] * size[1] + _DEFAULT_BONUS * default
