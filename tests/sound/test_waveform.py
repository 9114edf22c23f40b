"""Reading a clip's sound: where it comes from, what it costs at most, what is wrong with it."""

from __future__ import annotations

import functools
import http.server
import threading
from pathlib import Path

import numpy as np
import pytest

from emollama_hf.errors import ClipError
from emollama_hf.frames import DecodeLimits
from emollama_hf.sound import SAMPLE_RATE, read_sound, silence
from tests import videos
from tests.sound.recordings import bare_wav, voice, write_recording


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "clip.mp4"
    return write_recording(path, voice(44_100, 1.5, 2), rate=44_100, picture_s=1)


def kind_of(path: Path, limits: DecodeLimits | None = None) -> str:
    with pytest.raises(ClipError) as caught:
        read_sound(path, limits or DecodeLimits())
    return caught.value.kind


def test_a_waveform_is_float32_within_one(clip: Path) -> None:
    sound = read_sound(clip)
    assert sound is not None
    assert (sound.wave.dtype, sound.wave.ndim) == (np.float32, 1)
    assert 0.2 < np.abs(sound.wave).max() < 1
    assert sound.duration_s == pytest.approx(1.5, abs=0.05)
    assert sound.damaged_packets == 0
    assert sound.wave.flags.writeable


def test_a_path_bytes_and_a_url_give_the_same(clip: Path) -> None:
    handler = functools.partial(_Quiet, directory=str(clip.parent))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/{clip.name}"
        found = [read_sound(source) for source in (clip, str(clip), clip.as_uri(), clip.read_bytes(), url)]
    finally:
        server.shutdown()
    waves = [sound.wave for sound in found if sound is not None]
    assert len(waves) == 5
    assert all(np.array_equal(wave, waves[0]) for wave in waves)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_no_track_is_none_and_silence_is_not(tmp_path: Path) -> None:
    assert read_sound(videos.write_video(tmp_path / "mute.mp4", videos.still(3))) is None
    quiet = read_sound(write_recording(tmp_path / "quiet.mp4", np.zeros((2, 48_000), np.float32)))
    assert quiet is not None
    assert not quiet.wave.any()
    assert quiet.duration_s == pytest.approx(1, abs=0.05)


def test_an_empty_track_is_none(tmp_path: Path) -> None:
    assert read_sound(bare_wav(tmp_path / "off.wav", np.zeros((0, 2), np.int16), 48_000)) is None


def test_an_empty_track_before_a_full_one_is_passed_over(tmp_path: Path) -> None:
    nothing, full = np.zeros((2, 0), np.float32), voice(48_000, 0.5, 2)
    path = write_recording(tmp_path / "two.mkv", nothing, full, codec="flac", fmt="s16", default=0)
    sound = read_sound(path)
    assert sound is not None
    assert len(sound.wave) == 8_000


def test_a_stream_that_changes_its_rate_and_layout_goes_on(tmp_path: Path) -> None:
    fast = write_recording(tmp_path / "fast.aac", voice(48_000, 1, 2), rate=48_000).read_bytes()
    slow = write_recording(tmp_path / "slow.aac", voice(22_050, 1), rate=22_050, layout="mono").read_bytes()
    lengths = [len(_wave(data)) for data in (fast, slow)]
    assert len(_wave(fast + slow + fast)) == pytest.approx(2 * lengths[0] + lengths[1], abs=40)


def _wave(data: bytes) -> np.ndarray:
    sound = read_sound(data)
    assert sound is not None
    return sound.wave


def test_a_file_that_breaks_off_gives_what_it_holds(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "film.mkv", voice(48_000, 3, 2), picture_s=3)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    sound = read_sound(path)
    assert sound is not None
    assert 0.5 < sound.duration_s < 2.5


def test_files_that_are_no_clips(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("not a clip " * 100)
    (tmp_path / "cut.mp4").write_bytes(clip.read_bytes()[:20_000])  # its index is at the end
    assert kind_of(tmp_path / "none.mp4") == "missing_file"
    assert kind_of(tmp_path / "empty.mp4") == "empty_file"
    assert kind_of(tmp_path / "text.mp4") == "not_a_video"
    assert kind_of(tmp_path / "cut.mp4") == "not_a_video"


def test_a_track_whose_bytes_are_lost_is_an_error_and_no_silence(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "song.flac", voice(48_000, 1, 2), codec="flac", fmt="s16")
    data = bytearray(path.read_bytes())
    data[600:-600] = b"\xff" * (len(data) - 1200)
    path.write_bytes(data)
    assert kind_of(path) == "no_frames"


def test_a_clip_cut_off_before_its_sound_is_an_error(tmp_path: Path) -> None:
    """The index comes first in this file, and then the whole picture: the track is promised and not there."""
    path = write_recording(tmp_path / "clip.mov", voice(48_000, 1, 2), picture_s=1, index_first=True)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"mdat") + 100])
    assert kind_of(path) == "no_frames"


@pytest.mark.parametrize("rate", [1, 100, 5_000_000, 2**31 - 1])
def test_an_impossible_rate_is_refused_before_memory_is_taken(rate: int, tmp_path: Path) -> None:
    path = bare_wav(tmp_path / "lie.wav", np.ones((5_000, 1), np.int16), rate)
    assert kind_of(path) == "limit_exceeded"


@pytest.mark.parametrize(("channels", "kind"), [(9, "no_frames"), (64, "limit_exceeded"), (255, "limit_exceeded")])
def test_too_many_channels_are_refused(channels: int, kind: str, tmp_path: Path) -> None:
    path = bare_wav(tmp_path / "many.wav", np.ones((500, channels), np.int16), 48_000)
    assert kind_of(path) == kind


def test_limits_of_seconds_and_bytes(clip: Path) -> None:
    assert kind_of(clip, DecodeLimits(max_seconds=1)) == "limit_exceeded"
    assert kind_of(clip, DecodeLimits(max_bytes=1_000)) == "limit_exceeded"
    assert read_sound(clip, DecodeLimits(max_seconds=2)) is not None


def test_reading_stops_at_the_limit(tmp_path: Path) -> None:
    """An hour at 1,000 Hz in 7 MB of file would be 58 million samples."""
    path = bare_wav(tmp_path / "long.wav", np.zeros((3_600_000, 1), np.int16), 1_000)
    assert kind_of(path, DecodeLimits(max_seconds=10)) == "limit_exceeded"


def test_silence_has_the_length_that_is_asked_for() -> None:
    sound = silence(1.5)
    assert sound.wave.shape == (1.5 * SAMPLE_RATE,)
    assert not sound.wave.any()
    with pytest.raises(ClipError, match="how long"):
        silence(float("nan"))
    with pytest.raises(ClipError, match="max_seconds"):
        silence(1e9)


def test_nothing_heavy_is_imported() -> None:
    import subprocess
    import sys

    code = "import emollama_hf.sound, sys; assert not {'torch', 'transformers', 'datasets', 'av'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)
