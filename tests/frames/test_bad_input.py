import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from emollama_hf.errors import ClipError
from emollama_hf.frames import DecodeLimits, open_video
from tests import videos


def error_of(source, limits=DecodeLimits()) -> ClipError:  # noqa: B008
    with pytest.raises(ClipError) as caught, open_video(source, limits) as clip:
        list(clip.frames(range(clip.info.frame_count)))
    return caught.value


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return videos.write_video(tmp_path_factory.mktemp("good") / "good.mp4", videos.pan(24)).read_bytes()


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("missing_file", lambda p, good: p / "nothing.mp4"),
        ("empty_file", lambda p, good: write(p / "a.mp4", b"")),
        ("empty_file", lambda p, good: b""),
        ("not_a_video", lambda p, good: write(p / "a.mp4", b"this is no video\n" * 100)),
        ("not_a_video", lambda p, good: p),
        ("not_a_video", lambda p, good: write(p / "a.mp4", good[: len(good) // 2])),  # moov is at the end
        ("not_a_video", lambda p, good: write(p / "a.mp4", np.random.default_rng(0).bytes(5000))),
        ("no_video_stream", lambda p, good: videos.write_audio_only(p / "a.mp4")),
        ("no_video_stream", lambda p, good: videos.write_zero_frames(p / "a.mp4")),
        ("no_frames", lambda p, good: videos.write_zero_frames(p / "a.avi")),
    ],
)
def test_each_kind_of_bad_file_has_its_error(tmp_path, good, kind, make):
    error = error_of(make(tmp_path, good))
    assert error.kind == kind
    assert len(str(error)) > 40  # found, expected, next step


@pytest.fixture
def everybodys_folder():
    """A folder that any user may look into, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="a system without permissions of users")
def test_a_file_that_may_not_be_read_is_not_called_damaged(everybodys_folder, good):
    path = write(everybodys_folder / "a.mp4", good)
    path.chmod(0)
    user = os.geteuid()
    try:
        if user == 0:  # who may read everything
            os.seteuid(65534)
        error = error_of(path)
    finally:
        os.seteuid(user)
    assert error.kind == "missing_file"
    assert "may not be read" in str(error)


def write(path, data):
    path.write_bytes(data)
    return path


def test_a_playlist_does_not_make_us_read_other_files(tmp_path, good):
    write(tmp_path / "real.mp4", good)
    playlist = write(tmp_path / "list.mp4", b"ffconcat version 1.0\nfile real.mp4\n")
    assert error_of(playlist).kind == "not_a_video"


def test_a_colon_in_a_name_is_no_protocol(tmp_path, good):
    with open_video(write(tmp_path / "take:1.mp4", good)) as clip:
        assert clip.info.frame_count == 24


def test_a_song_with_a_cover_is_no_video(tmp_path):
    import av

    song = tmp_path / "song.mp4"
    with av.open(str(videos.write_audio_only(tmp_path / "a.mp4"))) as source, av.open(str(song), "w") as target:
        sound = target.add_stream_from_template(source.streams.audio[0])
        cover = target.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        target.mux(cover.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        target.mux(cover.encode())
        for packet in source.demux():
            if packet.size:
                packet.stream = sound
                target.mux(packet)
    assert error_of(song).kind == "no_video_stream"


@pytest.mark.parametrize(
    ("limits", "found"),
    [
        (DecodeLimits(max_pixels=100 * 100), "320x240"),
        (DecodeLimits(max_frames=23), "24 frames"),
        (DecodeLimits(max_seconds=0.5), "1 s"),
        (DecodeLimits(max_bytes=1000), "bytes"),
    ],
)
@pytest.mark.parametrize("name", ["no_b_frames.mp4", "vp9.webm"])
def test_every_limit_names_what_was_found_and_its_option(tmp_path, name, limits, found):
    error = error_of(videos.write_container(tmp_path, name, videos.pan(24)), limits)
    assert error.kind == "limit_exceeded"
    assert found in str(error)
    assert "DecodeLimits(" in str(error)


def test_a_header_that_lies_about_its_size_is_not_believed(tmp_path, good):
    data = bytearray(good)
    at = data.index(b"avc1", data.index(b"stsd")) + 4 + 24
    assert data[at : at + 4] == bytes([320 >> 8, 320 & 255, 0, 240])
    data[at : at + 4] = b"\xff\xff\xff\xff"
    # FFmpeg takes the shape of pixels from the same header.
    with open_video(write(tmp_path / "a.mp4", data), pixel_aspect="stored") as clip:
        assert (clip.info.width, clip.info.height) == (320, 240)


def test_a_stream_that_really_claims_a_huge_picture_is_refused_before_it_is_decoded(tmp_path):
    frames = [np.zeros((16, 16384, 3), np.uint8)]
    path = videos.write_video(tmp_path / "wide.mkv", frames, codec="mjpeg", pix_fmt="yuvj420p")
    error = error_of(path, DecodeLimits(max_pixels=16 * 16383))
    assert error.kind == "limit_exceeded"
    assert "16384x16" in str(error)


def test_nothing_is_printed(tmp_path, good):
    data = bytearray(good)
    for at in range(3000, len(data) - 3000, 97):
        data[at] ^= 0x55
    write(tmp_path / "damaged.mp4", data)
    write(tmp_path / "text.mp4", b"text")
    code = (
        "import sys\n"
        "from emollama_hf.errors import ClipError\n"
        "from emollama_hf.frames import open_video, sample_clip\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        with open_video(path) as clip: sample_clip(clip)\n"
        "    except ClipError: pass\n"
    )
    # A fresh interpreter: torchvision 0.24 turns the remarks of FFmpeg on when it is imported.
    command = [sys.executable, "-c", code, str(tmp_path / "damaged.mp4"), str(tmp_path / "text.mp4")]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("", "")
