"""Real files with sound: every codec, layout and damage that a clip's track may have, made with PyAV."""

from __future__ import annotations

import shutil
import struct
import subprocess
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

#: FFmpeg's program, which the original's tools call; None where it is not installed.
FFMPEG = shutil.which("ffmpeg")

_BLOCK = 1024
_FPS = 25


def voice(rate: int, seconds: float, channels: int = 1, seed: int = 0) -> NDArray[np.float32]:
    """A sweep with noise, another in each channel: (channels, samples) float32 within -0.8..0.8."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(rate * seconds)) / rate
    sweeps = [0.3 * np.sin(2 * np.pi * (200 + 130 * i + 300 * time) * time) for i in range(channels)]
    return np.stack([sweep + 0.1 * rng.standard_normal(len(time)).clip(-4, 4) for sweep in sweeps]).astype(np.float32)


def write_recording(
    path: Path,
    *waves: NDArray[np.float32],
    rate: int = 48_000,
    layout: str = "stereo",
    codec: str = "aac",
    fmt: str = "fltp",
    start_s: float = 0.0,
    gap_s: float = 0.0,
    picture_s: float = 0.0,
    default: int | None = None,
    index_first: bool = False,
) -> Path:
    """Encode tracks of sound, and a grey picture if asked for, into a file; the name says which container.

    waves: (channels, samples) of each track.  start_s: of the tracks.  gap_s: a hole in the timestamps half way.
    picture_s: length of the picture, 0 for none.  default: the track that is marked as the default, alone.
    index_first: of mp4 and mov, whose index is at the end otherwise.
    """
    options = {"movflags": "faststart"} if index_first else {}
    with av.open(str(path), "w", options=options) as container:
        if picture_s:
            picture = container.add_stream("libx264", rate=_FPS, options={"preset": "ultrafast"})
            picture.width = picture.height = 64
            picture.pix_fmt = "yuv420p"
        streams = []
        for number, _ in enumerate(waves):
            stream = container.add_stream(codec, rate=rate, layout=layout)
            stream.format = fmt
            if default is not None:
                flag = av.stream.Disposition.default
                stream.disposition = flag if number == default else av.stream.Disposition(0)
            streams.append(stream)
        if picture_s:
            for i in range(int(_FPS * picture_s)):
                frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), i % 255, np.uint8), format="rgb24")
                frame.pts, frame.time_base = i, Fraction(1, _FPS)
                container.mux(picture.encode(frame))
            container.mux(picture.encode())
        for stream, samples in zip(streams, waves, strict=True):
            _encode(container, stream, samples, rate, layout, start_s, gap_s)
    return path


def _encode(
    container: Any, stream: Any, samples: NDArray[np.float32], rate: int, layout: str, start_s: float, gap_s: float
) -> None:
    for begin in range(0, samples.shape[1], _BLOCK):
        block = np.ascontiguousarray(samples[:, begin : begin + _BLOCK])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
        late = start_s + (gap_s if begin > samples.shape[1] // 2 else 0)
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), begin + int(late * rate)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def bare_wav(path: Path, samples: NDArray[np.int16], rate: int) -> Path:
    """16-bit samples, (n, channels), behind a header that says any rate, and no layout of the channels."""
    data, channels = samples.astype("<i2").tobytes(), samples.shape[1]
    mask = 0xFFFFFFFF
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2 & mask, channels * 2 & 0xFFFF, 16)
    head = b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<I", 16) + form
    path.write_bytes(head + b"data" + struct.pack("<I", len(data)) + data)
    return path


def ffmpegs_wave(path: Path) -> NDArray[np.int16]:
    """What FFmpeg's program writes of a clip, called as the original's tools call it: (T,) int16."""
    assert FFMPEG is not None
    out = path.with_name(f"{path.name}.ffmpeg.wav")
    command = [FFMPEG, "-loglevel", "quiet", "-y", "-i", str(path), "-ar", "16000", "-ac", "1", str(out)]
    subprocess.run(command, check=False, timeout=60)
    with wave.open(str(out)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")
