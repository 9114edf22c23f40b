"""The law of reading: any subset of frames, asked for in any order, equals a whole read by an independent decoder."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emollama_hf.frames import open_video
from tests import videos
from tests.frames.numbered import HEIGHT, WIDTH, corners_of, number_of, picture

COUNT = 26
RECORDED = Path(__file__).parent / "recorded"
SHOWN = {
    "fields.mp4": list(range(8)),
    "packed_b_frames.avi": [*range(17), 19],
    "mpeg1_groups.mpg": list(range(24)),
    "program_stream_h264.mpg": list(range(24)),
}

X264 = {"preset": "ultrafast", "crf": "12", "bf": "2", "g": "9", "keyint_min": "9"}
CODECS: dict[str, dict[str, Any]] = {
    "h264": {"codec": "libx264", "options": X264},
    "h264 open groups": {"codec": "libx264", "options": X264 | {"x264-params": "open-gop=1:bframes=3"}},
    "h264 interlaced": {"codec": "libx264", "options": X264 | {"flags": "+ildct+ilme"}},
    "h264 intra refresh": {
        "codec": "libx264",
        "options": X264 | {"bf": "0", "x264-params": "intra-refresh=1:keyint=9"},
    },
    "hevc": {
        "codec": "libx265",
        "options": {
            "preset": "ultrafast",
            "crf": "12",
            "x265-params": "log-level=none:keyint=9:min-keyint=9:bframes=3:open-gop=1:pools=none:frame-threads=1",
        },
    },
    "hevc temporal layers": {
        "codec": "libx265",
        "options": {
            "preset": "ultrafast",
            "crf": "12",
            "x265-params": "log-level=none:keyint=12:bframes=4:b-pyramid=1:temporal-layers=1:pools=none:"
            "frame-threads=1",
        },
    },
    "vp8 hidden packets": {
        "codec": "libvpx",
        "options": {"deadline": "realtime", "cpu-used": "5", "b": "2M", "g": "9", "lag-in-frames": "8"}
        | {"auto-alt-ref": "1"},
    },
    "vp9": {
        "codec": "libvpx-vp9",
        "options": {"deadline": "realtime", "cpu-used": "8", "b": "2M", "g": "9", "lag-in-frames": "8"}
        | {"auto-alt-ref": "1"},
    },
    "av1": {"codec": "libsvtav1", "options": {"preset": "12", "crf": "20", "g": "9", "svtav1-params": "lp=1"}},
    "mpeg4": {"codec": "mpeg4", "options": {"bf": "2", "g": "9", "qscale": "2"}},
    "mpeg2": {"codec": "mpeg2video", "options": {"bf": "2", "g": "9", "qscale": "2"}},
    "mpeg1": {"codec": "mpeg1video", "options": {"bf": "2", "g": "9", "qscale": "2"}},
    "msmpeg4": {"codec": "msmpeg4", "options": {"qscale": "2", "g": "9"}},
    "wmv2": {"codec": "wmv2", "options": {"qscale": "2", "g": "9"}},
    "flv1": {"codec": "flv", "options": {"qscale": "2", "g": "9"}},
    "rv20": {"codec": "rv20", "options": {"qscale": "2", "g": "9"}},
    "svq1": {"codec": "svq1", "options": {"qscale": "2", "g": "9"}, "pix_fmt": "yuv410p"},
    "mjpeg": {"codec": "mjpeg", "options": {"qscale": "2"}, "pix_fmt": "yuvj420p"},
    "prores": {"codec": "prores_ks", "pix_fmt": "yuv422p10le"},
    "png": {"codec": "png", "pix_fmt": "rgb24"},
    "qtrle": {"codec": "qtrle", "options": {"g": "9"}, "pix_fmt": "rgb24"},
    "ffv1": {"codec": "ffv1", "options": {"g": "9"}},
    "huffyuv": {"codec": "huffyuv", "pix_fmt": "yuv422p"},
    "zmbv": {"codec": "zmbv", "options": {"g": "9"}, "pix_fmt": "bgr0"},
    "rawvideo": {"codec": "rawvideo"},
    "raw planes": {"codec": "wrapped_avframe", "pix_fmt": "yuv420p"},
    "jpeg2000": {"codec": "jpeg2000"},
    "gif": {"codec": "gif", "pix_fmt": "rgb8"},
}
CONTAINERS = {
    "mp4": "h264, h264 open groups, h264 interlaced, h264 intra refresh, hevc, hevc temporal layers, vp9, av1, mpeg4, "
    "mpeg2, mjpeg, png",
    "mov": "h264, prores, qtrle, svq1",
    "mkv": "h264, h264 open groups, h264 interlaced, hevc, vp8 hidden packets, av1, mpeg4, mpeg2, mjpeg, ffv1",
    "webm": "vp8 hidden packets, vp9, av1",
    "avi": "h264, mpeg4, msmpeg4, mjpeg, huffyuv, rawvideo, ffv1, zmbv",
    "ts": "h264, h264 open groups, h264 interlaced, h264 intra refresh, hevc, mpeg2, mpeg1, mpeg4",
    "mpg": "mpeg1, mpeg2, h264",
    "flv": "h264, flv1",
    "asf": "wmv2, msmpeg4",
    "mxf": "mpeg2, jpeg2000",
    "nut": "h264, mpeg4, ffv1",
    "rm": "rv20",
    "ivf": "vp9, av1",
    "gif": "gif",
    "3gp": "h264",
    "h264": "h264, h264 interlaced",
    "hevc": "hevc",
    "m2v": "mpeg2",
    "m1v": "mpeg1",
    "m4v": "mpeg4",
    "obu": "av1",
    "mjpeg": "mjpeg",
    "y4m": "raw planes",
    "wtv": "mpeg2",
}
FORMATS = {"m2v": "mpeg2video", "m1v": "mpeg1video", "mpg": "vob"}
KINDS = [f"{container}/{codec}" for container, codecs in CONTAINERS.items() for codec in codecs.split(", ")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("shown")


@cache
def written(folder: Path, kind: str) -> Path:
    container, codec = kind.split("/")
    name = f"{codec.replace(' ', '_')}.{container}"
    how = {"file_format": FORMATS.get(container), **CODECS[codec]}
    return videos.write_video(folder / name, [picture(n) for n in range(COUNT)], fps=25, **how)


def whole_read(path: Path) -> list[np.ndarray]:
    """What PyAV shows by itself, one frame after another."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]


def assert_the_law(path: Path, shown: list[int], data: st.DataObject) -> None:
    yardstick = whole_read(path)
    with open_video(path) as clip:
        assert clip.info.frame_count == len(shown) == len(yardstick)
        assert [number_of(pixels) for _, pixels in clip.frames(range(len(shown)))] == shown
        numbers = st.sets(st.integers(0, len(shown) - 1), min_size=1, max_size=6)
        for wanted in data.draw(st.lists(numbers, min_size=2, max_size=4)):
            got = dict(clip.frames(sorted(wanted)))
            assert list(got) == sorted(wanted)
            assert all(np.array_equal(got[n], yardstick[n]) for n in wanted)
        times = [clip.time_of(n) for n in range(len(shown))]
        assert np.isnan(times).all() or (np.diff(times) >= 0).all()
        assert clip.damaged_packets == 0


few = settings(
    max_examples=2,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize("kind", KINDS)
@few
@given(data=st.data())
def test_any_subset_equals_a_whole_read(folder, kind, data):
    assert_the_law(written(folder, kind), list(range(COUNT)), data)


@pytest.mark.parametrize("name", SHOWN)
@few
@given(data=st.data())
def test_recorded_files_show_what_the_ffmpeg_program_shows(name, data):
    assert_the_law(RECORDED / name, SHOWN[name], data)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith(("obu", "rm", "gif"))])
def test_frames_last_as_long_as_the_rate_says(folder, kind):
    with open_video(written(folder, kind)) as clip:
        assert clip.info.fps == pytest.approx(25, rel=0.01)
        assert clip.info.duration_s == pytest.approx(COUNT / 25, rel=0.02)


def remuxed(
    source: Path,
    path: Path,
    change: Callable[[int, Any], None],
    file_format: str | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """The same packets with other times. change: gets each packet's position and the packet."""
    with (
        av.open(str(source)) as given_file,
        av.open(str(path), "w", format=file_format, options=options or {}) as target,
    ):
        template = given_file.streams.video[0]
        stream = target.add_stream_from_template(template)
        for position, packet in enumerate(p for p in given_file.demux(template) if p.size):
            packet.stream = stream
            change(position, packet)
            target.mux(packet)
    return path


PERIOD = Fraction(1, 25)


def period(packet: Any) -> int:
    return round(PERIOD / packet.time_base)


def twice(position: int, packet: Any) -> None:
    step = 2 * period(packet)
    packet.pts, packet.dts = packet.pts // step * step, packet.dts - step  # no container stores pts < dts


def in_the_order_of_decoding(position: int, packet: Any) -> None:
    packet.pts = packet.dts = packet.dts + 2 * period(packet)  # negative times would be cut off


def pause_of_3_s(position: int, packet: Any) -> None:
    if packet.pts >= 9 * period(packet):
        later = 3 * 25 * period(packet)
        packet.pts, packet.dts = packet.pts + later, packet.dts + later


def jump_of_a_day(position: int, packet: Any) -> None:
    if packet.pts >= 9 * period(packet):
        later = 86_400 * 25 * period(packet)
        packet.pts, packet.dts = packet.pts + later, packet.dts + later


@pytest.mark.parametrize("container", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("codec", ["h264", "h264 open groups"])
@pytest.mark.parametrize(
    ("change", "duration_s"),
    [(twice, 1.04), (in_the_order_of_decoding, 1.04), (pause_of_3_s, 4.04), (jump_of_a_day, 1.04)],
)
@few
@given(data=st.data())
def test_times_do_not_decide_which_frame_is_shown(folder, container, codec, change, duration_s, data):
    source = written(folder, f"mp4/{codec}")
    path = folder / f"{change.__name__} {codec}.{container}"
    if not path.exists():
        remuxed(source, path, change)
    assert_the_law(path, list(range(COUNT)), data)
    with open_video(path) as clip:
        assert clip.info.duration_s == pytest.approx(duration_s, abs=0.13)


@pytest.mark.parametrize("offset_s", [0, 300, 95_443])
@pytest.mark.parametrize("container", ["ts", "mpg"])
@few
@given(data=st.data())
def test_joined_recordings_whose_clock_starts_anew(folder, container, offset_s, data):
    """95,443 s is where the clock of a transport stream wraps."""
    path = folder / f"joined {offset_s}.{container}"
    if not path.exists():
        source = written(folder, "mp4/h264" if container == "ts" else "ts/mpeg2")

        def later(position: int, packet: Any) -> None:
            moved = int(offset_s / packet.time_base)
            packet.pts, packet.dts = packet.pts + moved, packet.dts + moved

        first = remuxed(source, folder / f"first{offset_s}.{container}", later, FORMATS.get(container))
        second = remuxed(source, folder / f"second.{container}", lambda position, packet: None, FORMATS.get(container))
        path.write_bytes(first.read_bytes() + second.read_bytes())
    with open_video(path) as clip:
        assert [number_of(pixels) for _, pixels in clip.frames(range(clip.info.frame_count))] == 2 * list(range(COUNT))
        # Where the first clock has wrapped, the second may begin a little ahead of its end.
        assert clip.info.duration_s == pytest.approx(2 * COUNT / 25, abs=0.2)
        yardstick = whole_read(path)
        for wanted in data.draw(st.lists(st.sets(st.integers(0, 2 * COUNT - 1), min_size=1, max_size=5), max_size=3)):
            assert all(np.array_equal(pixels, yardstick[n]) for n, pixels in clip.frames(sorted(wanted)))


@pytest.mark.parametrize("codec", ["h264", "h264 open groups", "hevc", "mpeg4"])
@pytest.mark.parametrize("container", ["mkv", "ts"])
def test_packets_ahead_of_the_first_keyframe_are_not_counted_unless_shown(folder, codec, container):
    if (container, codec) == ("ts", "hevc"):
        source = written(folder, "ts/hevc")
    else:
        source = written(folder, f"{container}/{codec}")
    path = folder / f"cut {codec.replace(' ', '_')}.{container}"
    with av.open(str(source)) as given_file, av.open(str(path), "w") as target:
        template = given_file.streams.video[0]
        stream = target.add_stream_from_template(template)
        for position, packet in enumerate(p for p in given_file.demux(template) if p.size):
            if position >= 6:
                packet.stream = stream
                target.mux(packet)
    yardstick = whole_read(path)
    with open_video(path) as clip:
        assert clip.info.frame_count == len(yardstick) < COUNT
        for number in (0, 3, len(yardstick) - 1):
            assert np.array_equal(dict(clip.frames([number]))[number], yardstick[number])


MATRICES = {
    "RGBY": (1, 0, 0, 1),
    "GRYB": (-1, 0, 0, 1),
    "BYRG": (1, 0, 0, -1),
    "YBGR": (-1, 0, 0, -1),
    "RBGY": (0, 1, 1, 0),
    "YGBR": (0, -1, -1, 0),
    "BRYG": (0, 1, -1, 0),
    "GYRB": (0, -1, 1, 0),
}


@pytest.mark.parametrize("corners", MATRICES)
def test_all_eight_orientations(folder, tmp_path, corners):
    """The letters are what the ffmpeg program (5.1) shows of these matrices."""
    data = bytearray(written(folder, "mp4/h264").read_bytes())
    header = data.index(b"tkhd")
    at = header + 8 + (32 if data[header + 4] else 20) + 16
    a, b, c, d = (value * 65536 for value in MATRICES[corners])
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path = tmp_path / "turned.mp4"
    path.write_bytes(data)
    with open_video(path) as clip:
        pixels = dict(clip.frames([5]))[5]
        assert corners_of(pixels) == corners
        assert pixels.shape[:2] == (clip.info.height, clip.info.width)
        assert (clip.info.width == WIDTH) == bool(a)


@pytest.mark.parametrize(("shape", "width"), [(Fraction(64, 45), 182), (Fraction(8, 9), 114)])
def test_pixels_are_square_unless_the_stored_ones_are_asked_for(tmp_path, shape, width):
    path = tmp_path / "oblong.mkv"
    options = X264 | {"x264-params": f"sar={shape.numerator}/{shape.denominator}"}
    videos.write_video(path, [picture(n) for n in range(4)], options=options)
    with open_video(path) as clip:
        assert (clip.info.width, clip.info.height) == (width, HEIGHT)
        (pixels,) = dict(clip.frames([3])).values()
        assert pixels.shape == (HEIGHT, width, 3)
        assert number_of(pixels) == 3
    with open_video(path, pixel_aspect="stored") as clip:
        assert (clip.info.width, clip.info.height) == (WIDTH, HEIGHT)
        assert np.array_equal(dict(clip.frames([3]))[3], whole_read(path)[3])


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_a_still_picture_beside_the_film_is_not_the_film(folder, tmp_path, container):
    path = tmp_path / f"both.{container}"
    with av.open(str(written(folder, "mp4/h264"))) as source, av.open(str(path), "w") as target:
        cover = target.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 640, 480, "yuvj420p"
        film = target.add_stream_from_template(source.streams.video[0])
        target.mux(cover.encode(av.VideoFrame.from_ndarray(picture(200, 640, 480), format="rgb24")))
        target.mux(cover.encode())
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = film
                target.mux(packet)
    with open_video(path) as clip:
        assert [number_of(pixels) for _, pixels in clip.frames(range(clip.info.frame_count))] == list(range(COUNT))


def test_dropped_frames_of_an_avi_file_are_no_damage_and_its_end_is(tmp_path):
    times_ms = [40 * n + (280 if n > 5 else 0) for n in range(12)]
    with av.open(str(tmp_path / "gaps.avi"), "w") as container:
        stream = container.add_stream("mjpeg", rate=25, options={"qscale": "2"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        for number, time_ms in enumerate(times_ms):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = time_ms // 40, PERIOD
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    path = tmp_path / "gaps.avi"
    with open_video(path) as clip:
        assert [number_of(pixels) for _, pixels in clip.frames(range(12))] == list(range(12))
        assert [round(clip.time_of(n) * 1000) for n in range(12)] == times_ms
        assert clip.damaged_packets == 0
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with open_video(path) as clip:
        assert clip.damaged_packets > 0


@pytest.mark.parametrize("codec", ["h264", "h264 open groups", "hevc", "vp9", "mpeg4", "mjpeg"])
@pytest.mark.parametrize(("first", "count"), [(0, 12), (7, 12), (13, 13)])
def test_what_an_edit_list_leaves_out_is_neither_shown_nor_damage(folder, tmp_path, codec, first, count):
    data = bytearray(written(folder, f"mp4/{codec}").read_bytes())
    ticks = [int.from_bytes(data[at : at + 4]) for at in (data.index(box) + 16 for box in (b"mvhd", b"mdhd"))]
    at = data.index(b"elst") + 12
    began = int.from_bytes(data[at + 4 : at + 8])
    data[at : at + 8] = struct.pack(">2I", ticks[0] * count // 25, began + ticks[1] * first // 25)
    path = tmp_path / "trimmed.mp4"
    path.write_bytes(data)
    assert_shown(path, list(range(first, first + count)))


def assert_shown(path: Path, shown: list[int]) -> None:
    with open_video(path) as clip:
        assert [number_of(pixels) for _, pixels in clip.frames(range(clip.info.frame_count))] == shown
        assert clip.damaged_packets == 0


def test_a_cut_off_mp4_file_is_damaged(folder, tmp_path):
    whole, path = written(folder, "mp4/h264"), tmp_path / "cut.mp4"
    remuxed(whole, path, lambda position, packet: None, options={"movflags": "faststart"})
    assert_shown(path, list(range(COUNT)))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 3 // 4])
    with open_video(path) as clip:
        assert clip.damaged_packets > 0


@pytest.mark.parametrize("codec", ["vp9", "av1"])
def test_a_duration_in_place_of_the_count_is_no_damage(folder, tmp_path, codec):
    """FFmpeg before 6 writes it there."""
    data = bytearray(written(folder, f"ivf/{codec}").read_bytes())
    data[24:28] = struct.pack("<I", 10**6)
    path = tmp_path / "counted.ivf"
    path.write_bytes(data)
    assert_shown(path, list(range(COUNT)))


def test_lost_references_do_not_shift_the_frames_behind_them(folder):
    """FFmpeg shows fewer frames than packets are left where others depended on the lost ones."""
    path = folder / "lost.mkv"
    with av.open(str(written(folder, "mp4/h264"))) as source, av.open(str(path), "w") as target:
        template = source.streams.video[0]
        stream = target.add_stream_from_template(template)
        for position, packet in enumerate(p for p in source.demux(template) if p.size):
            if position % 7 != 3:
                packet.stream = stream
                target.mux(packet)
    yardstick = whole_read(path)
    with open_video(path) as clip:
        assert clip.info.frame_count == len(yardstick)
        got = dict(clip.frames([2, 9, len(yardstick) - 1]))
    assert all(np.array_equal(pixels, yardstick[n]) for n, pixels in got.items())


def test_a_bare_stream_without_a_rate_has_none(folder):
    with open_video(written(folder, "obu/av1")) as clip:
        assert clip.info.frame_count == COUNT
        assert np.isnan([clip.info.fps, clip.info.duration_s, clip.time_of(3)]).all()
