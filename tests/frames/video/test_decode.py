from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emollama_hf.errors import ClipError
from emollama_hf.frames import DecodeLimits, open_video
from emollama_hf.frames.video.reader import VideoReader
from tests import videos

COUNT = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("containers")


@cache
def written(folder: Path, name: str) -> tuple[Path, list[np.ndarray]]:
    path = videos.write_container(folder, name, videos.pan(COUNT))
    return path, videos.all_frames(path)


@pytest.mark.parametrize("name", videos.CONTAINERS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.sets(st.integers(0, COUNT - 1), min_size=1, max_size=20))
def test_any_frames_equal_those_of_a_full_decode(folder, name, wanted):
    path, yardstick = written(folder, name)
    with open_video(path) as clip:
        assert clip.info.frame_count == len(yardstick) == COUNT
        got = dict(clip.frames(sorted(wanted)))
    assert list(got) == sorted(wanted)
    assert all(np.array_equal(got[n], yardstick[n]) for n in wanted)


@pytest.mark.parametrize("name", ["many_keyframes.mp4", "vp9.webm", "h264_b_frames.avi"])
def test_bytes_give_what_the_file_gives(folder, name):
    path, yardstick = written(folder, name)
    with open_video(path.read_bytes()) as clip:
        assert all(np.array_equal(pixels, yardstick[n]) for n, pixels in clip.frames([3, 31, 59]))


@pytest.mark.parametrize("name", videos.CONTAINERS)
def test_the_facts_of_a_clip(folder, name):
    with open_video(written(folder, name)[0]) as clip:
        info = clip.info
    assert info.frame_count == COUNT
    assert info.fps == pytest.approx(24)
    assert info.duration_s == pytest.approx(COUNT / 24, abs=0.005)
    assert (info.width, info.height) == (videos.WIDTH, videos.HEIGHT)


def test_a_clip_can_be_read_twice_and_backwards_between(folder):
    path, yardstick = written(folder, "many_keyframes.mp4")
    with open_video(path) as clip:
        for wanted in ([50, 55], [2], [50]):
            assert all(np.array_equal(pixels, yardstick[n]) for n, pixels in clip.frames(wanted))


@pytest.mark.parametrize("wanted", [[12], [0, 12], [0, 24, 36], [13, 59]])
def test_where_no_keyframe_is_one_the_clip_is_read_from_its_start(folder, wanted):
    path, yardstick = written(folder, "intra_refresh.mp4")
    with open_video(path) as clip:
        assert all(np.array_equal(pixels, yardstick[n]) for n, pixels in clip.frames(wanted))


def test_only_the_groups_of_wanted_frames_are_decoded(folder, monkeypatch):
    from emollama_hf.frames.video import reader

    path, _ = written(folder, "many_keyframes.mp4")
    decoded = []
    decode_packet = reader.decode_packet
    monkeypatch.setattr(
        reader,
        "decode_packet",
        lambda c, p, position, *rest: decoded.append(position) or decode_packet(c, p, position, *rest),
    )
    with open_video(path) as clip:
        list(clip.frames([52]))
    assert min(p for p in decoded if p >= 0) >= 50


@pytest.mark.parametrize(("rotation", "turns"), [(90, 1), (-90, 3), (180, 2)])
def test_rotation_is_applied(tmp_path, rotation, turns):
    path = videos.write_video(tmp_path / "turned.mp4", videos.pan(4), rotation=rotation)
    with open_video(path) as clip:
        assert (clip.info.width, clip.info.height) == ((240, 320) if turns % 2 else (320, 240))
        _, pixels = next(clip.frames([1]))
    assert np.array_equal(pixels, np.rot90(videos.all_frames(path)[1], turns))


def test_variable_frame_rate(tmp_path):
    times_ms = [0, 40, 80, 500, 540, 1500, 1540, 1580, 1620, 1700]
    path = videos.write_video(tmp_path / "vfr.mkv", videos.pan(10), times_ms=times_ms)
    yardstick = videos.all_frames(path)
    with open_video(path) as clip:
        assert clip.info.frame_count == 10
        assert clip.info.duration_s == pytest.approx(1.74, abs=0.07)
        assert clip.info.fps == pytest.approx(10 / clip.info.duration_s)
        assert [clip.index_at(t) for t in (0, 0.1, 0.499, 0.5, 1.4, 1.5, 1.7)] == [0, 2, 3, 3, 4, 5, 9]
        assert all(np.array_equal(pixels, yardstick[n]) for n, pixels in clip.frames([2, 5, 9]))


def test_a_time_finds_the_frame_that_is_shown(folder):
    with open_video(written(folder, "h264.ts")[0]) as clip:  # its own clock does not start at 0
        for number in (0, 1, 29, 59):
            assert clip.index_at(number / 24) == number
            assert clip.index_at(round(number / 24, 3)) == number
            assert clip.index_at((number + 0.9) / 24) == number


def test_a_time_outside_the_clip_is_a_bad_peak(folder):
    with open_video(written(folder, "h264.mov")[0]) as clip:
        for time_s in (-0.5, 2.6):
            with pytest.raises(ClipError, match=r"lasts 2\.500 s") as error:
                clip.index_at(time_s)
            assert error.value.kind == "bad_peak"


def test_the_picture_may_change_its_size_on_the_way(tmp_path):
    path = videos.write_size_change(tmp_path / "joined.ts", videos.pan(20), videos.pan(20, size=(160, 120)))
    with open_video(path) as clip:
        assert clip.info.frame_count == 40
        assert [pixels.shape[:2] for _, pixels in clip.frames([0, 19, 21, 39])] == [(240, 320)] * 2 + [(120, 160)] * 2


def test_a_larger_picture_on_the_way_is_refused(tmp_path):
    path = videos.write_size_change(tmp_path / "joined.ts", videos.pan(20, size=(160, 120)), videos.pan(20))
    with pytest.raises(ClipError) as error, open_video(path, DecodeLimits(max_pixels=160 * 120)) as clip:
        list(clip.frames([0, 30]))
    assert error.value.kind == "limit_exceeded"


def test_frames_cut_off_by_an_edit_list_do_not_count(tmp_path):
    whole = videos.write_video(tmp_path / "whole.mp4", videos.pan(48), options={"bf": "0", "g": "48"})
    # A muxer that gets negative times writes an edit list that hides them.
    with av.open(str(whole)) as source, av.open(str(tmp_path / "cut.mp4"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                shift = int(1 / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, stream
                target.mux(packet)
    yardstick = videos.all_frames(tmp_path / "cut.mp4")
    with open_video(tmp_path / "cut.mp4") as clip:
        assert clip.info.frame_count == len(yardstick)
        assert all(np.array_equal(p, yardstick[n]) for n, p in clip.frames([0, 10, len(yardstick) - 1]))


def test_packets_that_cannot_be_decoded_are_counted_and_stood_in_for(tmp_path):
    path = videos.write_video(tmp_path / "a.avi", videos.pan(20), codec="mjpeg", pix_fmt="yuvj420p")
    yardstick = videos.all_frames(path)
    data = bytearray(path.read_bytes())
    starts = _packet_places(path)
    for number in (0, 7, 8, 19):
        at, size = starts[number]
        data[at : at + size] = bytes(size)
    path.write_bytes(data)
    with open_video(path) as clip:
        got = dict(clip.frames(range(20)))
        assert clip.damaged_packets == 4
    assert clip.info.frame_count == 20
    # The next frame that can be decoded stands in, or else the last.
    for number, stand_in in {0: 1, 6: 6, 7: 9, 8: 9, 9: 9, 18: 18, 19: 18}.items():
        assert np.array_equal(got[number], yardstick[stand_in]), number


def test_the_stand_in_of_a_lost_reference_frame_is_the_very_next_one_although_nothing_depends_on_it(tmp_path):
    """B frames are passed over unless they are wanted, and the next frame with dependants is two further on."""
    options = {"bf": "2", "b-adapt": "0", "b-pyramid": "none", "g": "24"}
    path = videos.write_video(tmp_path / "a.mp4", videos.pan(24), options=options)
    at, size = _packet_places(path)[1]  # frame 3: the order in the file is 0 3 1 2 6 4 5
    data = bytearray(path.read_bytes())
    data[at : at + size] = bytes(size)
    path.write_bytes(data)
    with open_video(path) as clip:
        alone = {number: pixels for wanted in (2, 3, 4, 6) for number, pixels in clip.frames([wanted])}
        assert clip.damaged_packets == 1
    assert [number for number in (2, 4, 6) if np.array_equal(alone[3], alone[number])] == [4]


def _packet_places(path: Path) -> list[tuple[int, int]]:
    with av.open(str(path)) as container:
        return [(p.pos, p.size) for p in container.demux(video=0) if p.size]


def test_a_file_cut_off_behind_its_index_keeps_its_first_frames(tmp_path):
    path = videos.write_video(tmp_path / "a.mp4", videos.pan(48), container_options={"movflags": "faststart"})
    yardstick = videos.all_frames(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    with open_video(path) as clip:
        count = clip.info.frame_count
        assert 2 < count < 48
        assert clip.damaged_packets >= 48 - count
        got = dict(clip.frames(range(count)))
    # Frames that lean on lost ones come out damaged or are stood in for; the first ones are whole.
    assert np.array_equal(got[0], yardstick[0])


def test_flipped_bytes_are_survived_and_always_in_the_same_way(tmp_path):
    path = videos.write_video(tmp_path / "a.mp4", videos.pan(60), options={"g": "15"})
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    for at in rng.integers(2000, len(data) // 2, 200):
        data[at] ^= 0xFF
    path.write_bytes(data)
    passes = []
    for _ in range(2):
        with open_video(path) as clip:
            count = clip.info.frame_count
            passes.append(np.stack([pixels for _, pixels in clip.frames(range(0, count, 3))]))
    assert 40 <= count <= 60
    assert np.array_equal(*passes)


def test_unsorted_or_foreign_numbers_are_a_programming_error(folder):
    with open_video(written(folder, "h264.mov")[0]) as clip:
        for wanted in ([3, 1], [2, 2], [60], [-1]):
            with pytest.raises(ValueError, match="frame numbers"):
                list(clip.frames(wanted))


@pytest.mark.parametrize(
    ("name", "spared"), [("b_frames.mp4", True), ("no_b_frames.mp4", False), ("vp9.webm", False), ("mpeg4.avi", False)]
)
def test_frames_that_are_read_anyway_are_those_that_others_need(folder, name, spared, monkeypatch):
    path, _ = written(folder, name)
    with open_video(path) as clip:
        anyway = np.flatnonzero(clip.read_anyway(np.arange(COUNT))).tolist()
        assert bool(anyway) == spared
        came_out = _numbers_out_of_the_decoder(clip, [COUNT - 1], monkeypatch)
    if spared:
        assert 0 < len(anyway) < COUNT
        assert came_out - {COUNT - 1} <= set(anyway)
        assert len(set(anyway) - came_out) <= 2  # behind the last frame in the file, and before it on the screen


def _numbers_out_of_the_decoder(clip, wanted, monkeypatch) -> set[int]:
    numbers = set()
    numbered = VideoReader._numbered

    def noted(reader, frames):
        for number, frame in numbered(reader, frames):
            numbers.add(number)
            yield number, frame

    monkeypatch.setattr(VideoReader, "_numbered", noted)
    list(clip.pictures(wanted))
    return numbers
