"""Real video files for tests: the astronaut's portrait filmed, and everything that containers do to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.demo_clips import astronaut, view
from emollama_hf.frames.faces.detect import detect_faces

Frame = NDArray[np.uint8]

WIDTH, HEIGHT = 320, 240
FACE = (103.3, 54.9)  # the middle of the face in the portrait, x y in pixels


def still(count: int, **where: float) -> Iterator[Frame]:
    """The portrait, always the same; where: x, y, width of `view`."""
    for _ in range(count):
        yield shot(**where)


def shot(x: float = 118, y: float = 88, width: float = 200, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Frame:
    """One frame: the camera at x, y of the portrait, `width` of its pixels wide."""
    return view(astronaut(), x, y, width, size)


def pan(count: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Iterator[Frame]:
    """The camera moves 60 pixels of the portrait to the right; every frame differs from its neighbours."""
    for share in np.linspace(0, 1, count):
        yield shot(x=90 + 60 * share, size=size)


def zoom(count: int) -> Iterator[Frame]:
    """The camera closes in on the face, to half the width."""
    for share in np.linspace(0, 1, count):
        yield shot(x=110, y=70, width=220 - 110 * share)


def darken(frames: Iterable[Frame], to: float = 0.2) -> Iterator[Frame]:
    """The light goes down evenly to a share of what it was."""
    all_frames = list(frames)
    for frame, share in zip(all_frames, np.linspace(1, to, len(all_frames)), strict=True):
        yield (frame * share).astype(np.uint8)


def mirrored(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Left and right swapped."""
    for frame in frames:
        yield np.ascontiguousarray(frame[:, ::-1])


def no_face(count: int, seed: int = 0) -> Iterator[Frame]:
    """Coloured patches that drift, and no face."""
    rng = np.random.default_rng(seed)
    patches = rng.integers(30, 220, (9, 12, 3), dtype=np.uint8)
    wide = cv2.resize(patches, (WIDTH + count, HEIGHT), interpolation=cv2.INTER_CUBIC)
    for i in range(count):
        yield np.ascontiguousarray(wide[:, i : i + WIDTH])


def hide_face(frame: Frame) -> Frame:
    """The frame with its face covered by flat grey, as by a sheet of paper."""
    (face,) = detect_faces(frame)
    margin = 0.25 * face.size
    left, top, right, bottom = (max(0, round(float(v))) for v in face.box + np.array([-1, -1, 1, 1]) * margin)
    hidden = frame.copy()
    hidden[top:bottom, left:right] = 170
    return hidden


def close_mouth(frame: Frame) -> Frame:
    """The frame with the smile of its face painted over with skin."""
    (face,) = detect_faces(frame)
    left, right = face.landmarks[3], face.landmarks[4]
    centre = (left + right) / 2
    mask = np.zeros(frame.shape[:2], np.uint8)
    axes = round(0.75 * float(right[0] - left[0])), round(0.36 * float(right[0] - left[0]))
    cv2.ellipse(mask, (round(float(centre[0])), round(float(centre[1])) + 2), axes, 0, 0, 360, 255, -1)
    return cv2.inpaint(frame, mask, 5, cv2.INPAINT_TELEA)


def place_face(canvas: Frame, centre: tuple[float, float], height: float, squeeze: float = 1.0) -> Frame:
    """The astronaut's head pasted onto a canvas: its centre, its height in pixels, and its width squeezed."""
    head = astronaut()[15:95, 70:140]
    size = max(1, round(height * head.shape[1] / head.shape[0] * squeeze)), max(1, round(height))
    head = cv2.resize(head, size, interpolation=cv2.INTER_AREA)
    out = canvas.copy()
    left, top = round(centre[0] - size[0] / 2), round(centre[1] - size[1] / 2)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + size[0], canvas.shape[1]), min(top + size[1], canvas.shape[0])
    out[y0:y1, x0:x1] = head[y0 - top : y1 - top, x0 - left : x1 - left]
    return out


def write_video(
    path: Path,
    frames: Iterable[Frame],
    *,
    fps: int = 24,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    file_format: str | None = None,
    pix_fmt: str = "yuv420p",
    times_ms: list[int] | None = None,
    rotation: int | None = None,
) -> Path:
    """Encode frames into a file and return its path.

    options, container_options: FFmpeg's, for the codec and the container.
    times_ms: when each frame is shown, for a variable frame rate.
    rotation: degrees counterclockwise by which players turn the picture.
    """
    with av.open(str(path), "w", format=file_format, options=container_options or {}) as container:
        stream = None
        for i, frame in enumerate(frames):
            if stream is None:
                stream = container.add_stream(codec, rate=fps, options=_options(codec, options))
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = pix_fmt
                if rotation is not None:
                    stream.set_display_rotation(rotation)
                if times_ms is not None:
                    stream.codec_context.time_base = Fraction(1, 1000)
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts = i if times_ms is None else times_ms[i]
            picture.time_base = Fraction(1, fps) if times_ms is None else Fraction(1, 1000)
            container.mux(stream.encode(picture))
        if stream is not None:
            container.mux(stream.encode())
    return path


def _options(codec: str, options: dict[str, str] | None) -> dict[str, str]:
    fast = {
        "libx264": {"preset": "veryfast", "crf": "18"},
        "libvpx": {"deadline": "realtime", "cpu-used": "8", "b": "1M", "lag-in-frames": "0"},
        "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "b": "1M"},
    }
    return fast.get(codec, {}) | (options or {})


# Every way of wrapping frames up that a reader has to see through: file name, and how to write it.
CONTAINERS: dict[str, dict[str, object]] = {
    "b_frames.mp4": {"options": {"bf": "3"}},
    "no_b_frames.mp4": {"options": {"bf": "0"}},
    "many_keyframes.mp4": {"options": {"g": "10"}},
    "open_groups.mp4": {"options": {"g": "12", "bf": "3", "x264-params": "open-gop=1"}},
    "intra_refresh.mp4": {"options": {"bf": "0", "x264-params": "intra-refresh=1:keyint=12"}},
    "fragmented.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}, "options": {"g": "12"}},
    "h264.mov": {},
    "h264.mkv": {"options": {"g": "12"}},
    "h264.ts": {"file_format": "mpegts", "options": {"g": "12"}},
    "h264_b_frames.avi": {"options": {"bf": "3", "g": "12"}},
    "mpeg4.avi": {"codec": "mpeg4", "options": {"g": "12", "bf": "2", "qscale": "3"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"g": "12"}},
    "vp8.webm": {"codec": "libvpx", "options": {"g": "12"}},
}


def write_container(folder: Path, name: str, frames: Iterable[Frame]) -> Path:
    """One of CONTAINERS, in a folder."""
    return write_video(folder / name, frames, **CONTAINERS[name])  # type: ignore[arg-type]


def write_audio_only(path: Path) -> Path:
    """A file with sound and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        stream.layout = "mono"
        for i in range(20):
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = 16000, i * 1024, Fraction(1, 16000)
            container.mux(stream.encode(sound))
        container.mux(stream.encode())
    return path


def write_zero_frames(path: Path) -> Path:
    """A video stream that was announced and never filled."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        container.start_encoding()
    return path


def write_size_change(path: Path, first: Iterable[Frame], second: Iterable[Frame]) -> Path:
    """Two streams of different sizes after each other in one file, as broadcasts have them."""
    parts = [
        write_video(path.with_suffix(f".{i}.ts"), frames, file_format="mpegts")
        for i, frames in enumerate((first, second))
    ]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    for part in parts:
        part.unlink()
    return path


def all_frames(path: Path) -> list[Frame]:
    """Every frame by decoding the file from beginning to end, as the yardstick for reading single ones."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def repeat_video(source: Path, path: Path, times: int) -> Path:
    """The same packets again and again, one after another in time: a long file for the price of a short one."""
    with av.open(str(source)) as container:
        template = container.streams.video[0]
        packets = [(bytes(p), p.pts, p.dts, p.duration, p.is_keyframe) for p in container.demux(template) if p.size]
        length = max(pts + duration for _, pts, _, duration, _ in packets) - min(pts for _, pts, *_ in packets)
        with av.open(str(path), "w") as target:
            stream = target.add_stream_from_template(template)
            for turn in range(times):
                for data, pts, dts, duration, is_keyframe in packets:
                    packet = av.Packet(data)
                    packet.pts, packet.dts = pts + turn * length, dts + turn * length
                    packet.duration, packet.time_base = duration, template.time_base
                    packet.is_keyframe = is_keyframe
                    packet.stream = stream
                    target.mux(packet)
    return path
