"""Opening a container, and which of its streams is the film."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from ..errors import ClipError

# Demuxers that read one file and nothing else. FFmpeg also knows playlists, which name further files and URLs:
# a text file called clip.mp4 must not make this process read them.
_CONTAINERS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,gxf,dv,nut,nsv,rm,wtv,ivf,gif,h264,hevc,m4v,obu,mjpeg,"
    "yuv4mpegpipe,"
    "aac,aiff,flac,mp3,wav"  # audio alone: opened so that the error can say so
)

_DEFAULT_BONUS = 5_000_000  # pixels that a stream marked as the default is ahead, as in FFmpeg's program


def open_container(local: Path | bytes) -> Any:
    """The opened file; ClipError: missing_file, not_a_video."""
    import av

    # "file:" keeps FFmpeg from reading a colon in a name as a protocol.
    file = BytesIO(local) if isinstance(local, bytes) else f"file:{local}"
    try:
        # Tags may be in any encoding, and nothing here reads them.
        return av.open(
            file,
            options={"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except PermissionError as error:
        raise ClipError("missing_file", "may not be read. Check its permissions.") from error
    except av.FFmpegError as error:
        raise ClipError(
            "not_a_video",
            f"FFmpeg finds no video file in it ({error.strerror or error}); expected mp4, mov, webm, mkv, avi or the "
            "like. It may be cut off before its index (moov) or be another kind of file: copy or export it again.",
        ) from error


def film_stream(container: Any, local: Path | bytes) -> int:
    """The index of the stream that shows the film: a moving picture before a still one, then as FFmpeg chooses.

    container: the opened file, of which no packet is read.  local: the file, opened once more if it has several.
    Raises ClipError: no_video_stream, no_frames.
    Source: FFmpeg's program, whose default is the largest stream, one marked as the default far ahead.
    """
    streams = _video_streams(container)
    if len(streams) > 1:
        with open_container(local) as again:
            moving = _moving(again, [again.streams[s.index] for s in streams])
        streams = [s for s in streams if s.index in moving] or streams
    index: int = max(streams, key=_score).index
    return index


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


def _score(stream: Any) -> int:
    import av

    default = bool(stream.disposition & av.stream.Disposition.default)
    return (stream.width or 0) * (stream.height or 0) + _DEFAULT_BONUS * default
