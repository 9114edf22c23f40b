"""A frame or picture that is too large is refused before memory is taken for it, wherever its size is said."""

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from emollama_hf.errors import ClipError
from emollama_hf.frames import DecodeLimits, open_pictures, open_video
from emollama_hf.frames.video import reader
from tests import videos

SIDE = 4080  # 17 million pixels: 25 to 100 MB once decoded
SMALL = 64
LIMITS = DecodeLimits(max_pixels=1_000_000)
#: Beyond this a process has decoded a frame, or made room for one.
ALLOWED_MB = 24

FAST = {"preset": "ultrafast", "crf": "45"}
REALTIME = {"deadline": "realtime", "cpu-used": "8"}
#: Name: codec, pixel format, its options, and the container's format.
KINDS = {
    "a.mp4": ("libx264", "yuv420p", FAST, "mp4"),
    "b.ts": ("libx264", "yuv420p", FAST, "mpegts"),
    "c.flv": ("libx264", "yuv420p", FAST, "flv"),  # no list of streams in its header
    "d.mpg": ("libx264", "yuv420p", FAST, "mpeg"),  # nor here
    "e.h264": ("libx264", "yuv420p", FAST, "h264"),
    "f.mov": ("png", "rgb24", {}, "mov"),
    "g.avi": ("png", "rgb24", {}, "avi"),
    "h.mkv": ("libvpx", "yuv420p", REALTIME, "matroska"),
    "i.webm": ("libvpx-vp9", "yuv420p", REALTIME, "webm"),
    "j.mkv": ("jpeg2000", "yuv420p", {}, "matroska"),
    "k.mpg": ("mpeg2video", "yuv420p", {}, "mpeg"),
    "l.gif": ("gif", "rgb8", {}, "gif"),
    "m.mov": ("prores_ks", "yuv422p10le", {}, "mov"),
}
#: Kinds whose frames may change their size on the way.
CHANGING = ("b.ts", "d.mpg", "f.mov", "h.mkv", "i.webm", "j.mkv", "k.mpg")

_MEASURE = """
import json, resource, sys
from emollama_hf.errors import ClipError
from emollama_hf.frames import DecodeLimits, open_pictures, open_video
import PIL.Image
PIL.Image.init()
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
with open_video(sys.argv[1]) as clip:
    list(clip.frames([0]))
for path in sys.argv[2:]:
    before = peak()
    opened = open_video(path, DecodeLimits(max_pixels=1_000_000)) if "pictures" not in path else open_pictures(
        [path] if path.endswith(".png") else path, limits=DecodeLimits(max_pixels=1_000_000))
    try:
        with opened as clip:
            list(clip.frames(range(clip.info.frame_count)))
        kind = "ok"
    except ClipError as error:
        kind = error.kind
    print(json.dumps([path, kind, peak() - before]))
"""


def encoded(codec: str, pix_fmt: str, options: dict[str, str], side: int, count: int) -> list[av.Packet]:
    context = av.CodecContext.create(codec, "w")
    context.width = context.height = side
    context.pix_fmt, context.time_base, context.framerate = pix_fmt, Fraction(1, 10), Fraction(10)
    context.options = dict(options)
    packets = []
    for number in range(count):
        frame = av.VideoFrame.from_ndarray(np.full((side, side, 3), 9 * number, np.uint8), format="rgb24")
        frame = frame.reformat(format=pix_fmt)
        frame.pts, frame.time_base = number, Fraction(1, 10)
        packets += context.encode(frame)
    return packets + context.encode(None)


def written(path: Path, *, sides: dict[int, int]) -> Path:
    """A clip of one of KINDS. sides: how many frames of which side, in order."""
    codec, pix_fmt, options, file_format = KINDS[path.name]
    packets = [packet for side, count in sides.items() for packet in encoded(codec, pix_fmt, options, side, count)]
    with av.open(str(path), "w", format=file_format) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width = stream.height = next(iter(sides))
        stream.pix_fmt, stream.options = pix_fmt, dict(options)
        for number, packet in enumerate(packets):
            packet.stream, packet.time_base = stream, Fraction(1, 10)
            packet.pts = packet.dts = number
            container.mux(packet)
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are counted in kilobytes on Linux")
def test_no_kind_of_file_takes_memory_for_a_frame_that_is_too_large(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.new("RGB", (SIDE, SIDE)).save(pictures / "large.png")
    sparse(pictures / "large.npy", (1, SIDE, SIDE, 3))
    files = [written(tmp_path / name, sides={SIDE: 1}) for name in KINDS]
    command = [sys.executable, "-c", _MEASURE, str(videos.write_video(tmp_path / "good.mp4", videos.pan(2)))]
    command += map(str, [*files, *sorted(pictures.iterdir())])
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = [json.loads(line) for line in said.splitlines()]
    assert len(found) == len(KINDS) + 2
    assert [one for one in found if one[1] != "limit_exceeded" or one[2] > ALLOWED_MB] == []


def with_tracks(path: Path, codec: str, count: int, side: int, declared: int) -> Path:
    """A clip with many tracks of equal frames. declared: their side as the header says it."""
    pix_fmt, options = ("rgb24", {}) if codec == "png" else ("yuv420p", FAST if codec == "libx264" else {})
    packets = encoded(codec, pix_fmt, options, side, 2)
    with av.open(str(path), "w") as container:
        streams = [container.add_stream(codec, rate=10) for _ in range(count)]
        for stream in streams:
            stream.width = stream.height = declared
            stream.pix_fmt, stream.options = pix_fmt, dict(options)
        for number, content in enumerate(packets):
            for stream in streams:
                packet = av.Packet(bytes(content))
                packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 10), content.is_keyframe
                packet.pts = packet.dts = number
                container.mux(packet)
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are counted in kilobytes on Linux")
def test_tracks_that_are_within_the_limit_each_do_not_add_up(tmp_path: Path) -> None:
    files = {
        with_tracks(tmp_path / "a.mov", "png", 40, 980, 980): "ok",
        with_tracks(tmp_path / "b.mov", "png", 40, 980, SMALL): "ok",
        with_tracks(tmp_path / "c.avi", "png", 40, 980, 980): "ok",
        with_tracks(tmp_path / "d.mp4", "libx264", 40, 980, 980): "ok",
        with_tracks(tmp_path / "e.ts", "libx264", 40, 980, 980): "ok",
        # No list of streams in its header, so that FFmpeg cannot be told which of them to decode.
        with_tracks(tmp_path / "f.mpg", "mpeg2video", 16, 976, 976): "limit_exceeded",
    }
    command = [sys.executable, "-c", _MEASURE, str(videos.write_video(tmp_path / "good.mp4", videos.pan(2)))]
    said = subprocess.run([*command, *map(str, files)], capture_output=True, text=True, check=True).stdout
    found = [json.loads(line) for line in said.splitlines()]
    assert [(Path(path), kind) for path, kind, _ in found] == list(files.items())
    assert [one for one in found if one[2] > ALLOWED_MB] == []


@pytest.mark.parametrize("name", ["a.mov", "b.mp4", "c.mkv", "d.ts"])
def test_the_film_is_found_among_pictures_and_small_tracks(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("libx264" if name != "c.mkv" else "libvpx", rate=10) for _ in range(3)]
        for stream, side in zip(streams, (160, 64, 96), strict=True):
            stream.width = stream.height = side
            stream.pix_fmt = "yuv420p"
        for number in range(4):
            for stream in streams:
                frame = av.VideoFrame.from_ndarray(np.full((stream.height, stream.width, 3), 40 * number, np.uint8))
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    with open_video(path) as clip:
        frames = list(clip.frames(range(clip.info.frame_count)))
    assert [pixels.shape for _, pixels in frames] == [(160, 160, 3)] * 4
    assert [round(float(pixels.mean()) / 40) for _, pixels in frames] == [0, 1, 2, 3]


def test_damaged_packets_are_looked_at_a_thousand_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, count = bytes(encoded("png", "rgb24", {}, SMALL, 1)[0]), 3000
    with av.open(str(tmp_path / "a.mov"), "w") as container:
        stream = container.add_stream("png", rate=10)
        stream.width = stream.height = SMALL
        stream.pix_fmt = "rgb24"
        for number in range(count):
            packet = av.Packet(good if number in (0, count - 1) else good[:20])
            packet.stream, packet.time_base, packet.pts, packet.dts = stream, Fraction(1, 10), number, number
            container.mux(packet)
    looks: list[int] = []
    check = reader.check_refused
    monkeypatch.setattr(reader, "check_refused", lambda *args: (looks.append(1), check(*args)))
    with open_video(tmp_path / "a.mov") as clip:
        assert [number for number, _ in clip.frames([0, 5, count - 1])] == [0, 5, count - 1]
        assert clip.damaged_packets > 2 * 1000
    assert len(looks) == 1000


def sparse(path: Path, shape: tuple[int, ...]) -> Path:
    """A `.npy` file of zeros that takes no room on the disk."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        os.truncate(path, file.tell() + int(np.prod(shape)))
    return path


@pytest.mark.parametrize("name", CHANGING)
def test_a_clip_whose_frames_grow_beyond_the_limit_is_refused_and_not_patched(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, sides={SMALL: 4, 2304: 2})
    with pytest.raises(ClipError) as error, open_video(path, DecodeLimits(max_pixels=100_000)) as clip:
        list(clip.frames(range(clip.info.frame_count)))
    assert error.value.kind == "limit_exceeded"
    assert "2304" in str(error.value)


@pytest.mark.parametrize("codec", ["libx264", "libvpx-vp9", "mpeg4"])
def test_a_frame_of_exactly_the_limit_is_decoded(tmp_path: Path, codec: str) -> None:
    # Decoders round sizes up to whole blocks.
    path = videos.write_video(tmp_path / "a.mkv", videos.pan(3, size=(322, 242)), codec=codec)
    with open_video(path, DecodeLimits(max_pixels=322 * 242)) as clip:
        assert len(list(clip.frames(range(3)))) == 3
    with pytest.raises(ClipError) as error, open_video(path, DecodeLimits(max_pixels=322 * 242 - 1)):
        pass
    assert error.value.kind == "limit_exceeded"


def test_a_picture_that_was_opened_by_the_caller_is_not_loaded(tmp_path: Path) -> None:
    Image.new("L", (2000, 1000)).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        with pytest.raises(ClipError) as error, open_pictures([picture], limits=LIMITS):
            pass
        assert error.value.kind == "limit_exceeded"
        assert picture._im is None


def test_formats_that_run_programs_or_hold_pictures_of_other_sizes_are_no_pictures(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "a.ico")
    Image.new("RGB", (32, 32)).save(tmp_path / "a.eps")
    for name in ("a.ico", "a.eps"):
        with pytest.raises(ClipError) as error, open_pictures([tmp_path / name]):
            pass
        assert error.value.kind == "bad_frames"
