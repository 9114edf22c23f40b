"""Which audio stream of a file is its sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emollama_hf.errors import ClipError
from emollama_hf.frames.video.film import DEFAULT_BONUS, without_decoding
from emollama_hf.frames.video.packets import read_packets

#: Samples of one channel that a decoder may return at once; FLAC, whose frames are the longest, has 65,535.
_FRAME_SAMPLES = 2**20

#: Packets of all audio streams in which those that hold anything are looked for.
_PACKETS_PROBED = 1_000


def open_without_video(local: Path | bytes) -> Any:
    """The file as PyAV's container, of which no video frame is decoded, not even to open it.

    Raises:
        ClipError: missing_file, not_a_video.
    """
    return without_decoding(local)


def find_track(local: Path | bytes) -> int | None:
    """Index of the audio stream that FFmpeg's program would take; None if no stream holds any sound.

    Args:
        local: path of the file, or its bytes.

    Returns:
        The stream with packets, marked as the default, with the most channels: the first property decides, then the
        next, then the order in the file. None for a file without an audio stream, and for one whose audio streams are
        empty, as recorders leave them when the microphone is off.

    Raises:
        ClipError: missing_file, not_a_video; no_frames if FFmpeg has no decoder for any of the streams, or if a header
            promises sound and the file holds none of it.

    Source: FFmpeg's program, which takes one audio stream by this rule if no `-map` is given.
    """
    with open_without_video(local) as container:
        filled = _with_packets(container)
        if not filled:
            if any((stream.duration or 0) > 0 or stream.frames > 0 for stream in container.streams.audio):
                raise ClipError(
                    "no_frames",
                    "its header promises sound, and the file holds none of it: it is cut off or damaged. Copy or "
                    "export the clip again.",
                )
            return None
        decodable = [stream for stream in filled if getattr(stream, "codec_context", None) is not None]
        if not decodable:
            raise ClipError("no_frames", "FFmpeg has no decoder for its audio stream. Convert it to AAC.")
        index: int = max(decodable, key=_score).index
    return index


def configure_audio_decoder(stream: Any) -> None:
    """Everything that a decoder is told before its first packet: one thread, and how long a frame may be."""
    stream.thread_type = "NONE"
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {"max_samples": str(_FRAME_SAMPLES)}


def _with_packets(container: Any) -> list[Any]:
    """The audio streams that hold a packet, in the order of the file; reading ends as soon as all of them do."""
    streams = list(container.streams.audio)
    waiting = {stream.index for stream in streams}
    if waiting:
        for position, packet in enumerate(read_packets(container, streams, lambda error: None)):
            waiting.discard(packet.stream_index)
            if not waiting or position >= _PACKETS_PROBED:
                break
    return [stream for stream in streams if stream.index not in waiting]


def _score(stream: Any) -> int:
    import av

    default = bool(stream.disposition & av.stream.Disposition.default)
    return int(stream.codec_context.channels or 0) + DEFAULT_BONUS * default
