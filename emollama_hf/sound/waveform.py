"""A clip's own sound as a waveform of 16 kHz, as `ffmpeg -i clip.mp4 -ac 1 -ar 16000 clip.wav` writes it."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emollama_hf.errors import ClipError
from emollama_hf.frames.limits import check_duration
from emollama_hf.frames.settings import DEFAULT_LIMITS, DecodeLimits
from emollama_hf.frames.source import ClipSource, local_file
from emollama_hf.frames.video.packets import read_packets
from emollama_hf.sound.mono import MonoResampler
from emollama_hf.sound.track import configure_audio_decoder, find_track, open_without_video

#: Samples a second of every waveform.
SAMPLE_RATE = 16_000

_STEPS = 32_768  # of a 16-bit sample between 0 and 1


@dataclass(frozen=True)
class Sound:
    """The sound of a clip.

    Args:
        wave: (T,) float32 in [-1, 1), mono, 16,000 samples a second.
        damaged_packets: packets that could not be read or decoded, and are left out.
    """

    wave: NDArray[np.float32]
    damaged_packets: int = 0

    @property
    def duration_s(self) -> float:
        """Length of the waveform in seconds."""
        return len(self.wave) / SAMPLE_RATE


def read_sound(source: ClipSource, limits: DecodeLimits = DEFAULT_LIMITS) -> Sound | None:
    """The sound of a clip: the whole track that FFmpeg's program would take, mixed down to one channel.

    Nothing is added and nothing is moved: a track that starts after the picture begins with its first sample, a gap
    between two packets and a packet that is damaged are left out, and a track that is longer than the picture is not
    cut. FFmpeg's program does the same, whose waveforms the original computes with.

    Args:
        source: path, URL of any fsspec scheme, or the bytes of a file, with or without a picture.
        limits: `max_seconds` of sound and `max_bytes` of the file are looked at. A waveform takes 6 bytes a sample
            while it is read, 0.1 MB a second, and 4 bytes after.

    Returns:
        The sound; None if the file has no audio track, or none that holds anything. Silence is not None: its waveform
        is 0 throughout.

    Raises:
        ClipError: missing_file, empty_file, not_a_video, limit_exceeded; no_frames for a track of which nothing can
            be decoded.

    Example:
        >>> read_sound("clip.mp4").wave.shape
        (48298,)

    Source: MERTools and Emotion-LLaMA, which have FFmpeg write 16-bit samples. Measured against FFmpeg 5.1: equal bit
    for bit for PCM and FLAC of every rate, layout and type; for AAC, AC-3 and Opus one sample in a thousand differs by
    one of 32,768 steps, as decoders of other versions round differently. In Matroska FFmpeg 5.1 keeps the 20 ms of
    priming before the first sample of AAC, which later versions leave out, as is done here.
    """
    with local_file(source, limits) as local:
        index = find_track(local)
        return None if index is None else _decode(local, index, limits)


def silence(duration_s: float, limits: DecodeLimits = DEFAULT_LIMITS) -> Sound:
    """A silent track.

    Args:
        duration_s: its length in seconds, 0 or more.
        limits: `max_seconds` is looked at.

    Returns:
        Sound whose waveform is 0 throughout.

    Raises:
        ClipError: limit_exceeded; no_frames for a length that is not known (nan).

    Example:
        >>> silence(1.5).wave.shape
        (24000,)
    """
    if not duration_s >= 0:
        raise ClipError("no_frames", "the file does not say how long it lasts: no silent track can stand for its own.")
    check_duration(duration_s, limits)
    return Sound(np.zeros(round(duration_s * SAMPLE_RATE), np.float32))


def _decode(local: Path | bytes, index: int, limits: DecodeLimits) -> Sound:
    samples = array("h")
    resampler = MonoResampler(SAMPLE_RATE)
    faults: list[Exception] = []  # one for each damaged packet
    packets = 0

    with open_without_video(local) as container:
        stream = container.streams[index]
        configure_audio_decoder(stream)
        for packet in chain(read_packets(container, stream, faults.append), (None,)):
            packets += packet is not None
            for frame in _frames(stream.codec_context, packet, faults):
                _append(samples, _mono(resampler, frame, faults), limits)
        codec = stream.codec_context.name
    _append(samples, resampler.end(), limits)
    if not samples:
        raise _nothing(packets, codec, faults)
    wave = np.frombuffer(samples, np.int16).astype(np.float32)
    wave /= _STEPS
    return Sound(wave, len(faults))


def _frames(context: Any, packet: Any, faults: list[Exception]) -> list[Any]:
    """Decoded frames of a packet (None: the end of the stream)."""
    import av

    try:
        frames: list[Any] = context.decode(packet)
        return frames
    except av.FFmpegError as error:
        faults.append(error)
        return []


def _mono(resampler: MonoResampler, frame: Any, faults: list[Exception]) -> list[NDArray[np.int16]]:
    """The samples of a frame; a damaged packet may decode to a frame with an impossible rate or layout."""
    try:
        return resampler.add(frame)
    except ClipError as error:
        faults.append(error)
        return []


def _append(samples: array[int], blocks: Iterable[NDArray[np.int16]], limits: DecodeLimits) -> None:
    for block in blocks:
        samples.frombytes(block.tobytes())
        check_duration(len(samples) / SAMPLE_RATE, limits)


def _nothing(packets: int, codec: str, faults: list[Exception]) -> ClipError:
    """The error for a track of which not one sample could be decoded."""
    for fault in faults:
        if isinstance(fault, ClipError):
            return fault
    return ClipError(
        "no_frames",
        f"not one sample of its sound can be decoded ({packets} {codec} packets, {len(faults)} damaged). Copy or "
        "export the clip again.",
    )
