"""The waveform is the one that FFmpeg's program writes, whose files the original computes with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emollama_hf.sound import Sound, read_sound
from tests.sound.recordings import FFMPEG, bare_wav, ffmpegs_wave, voice, write_recording

needs_ffmpeg = pytest.mark.skipif(FFMPEG is None, reason="the program ffmpeg is not installed")

#: Nothing is rounded twice in these; lossy decoders differ by one step between versions of FFmpeg.
EXACT: dict[str, dict[str, Any]] = {
    "8k.wav": {"codec": "pcm_s16le", "fmt": "s16", "rate": 8_000},
    "16k.wav": {"codec": "pcm_s16le", "fmt": "s16", "rate": 16_000},
    "44k.wav": {"codec": "pcm_s16le", "fmt": "s16", "rate": 44_100},
    "mono16k.wav": {"codec": "pcm_s16le", "fmt": "s16", "rate": 16_000, "layout": "mono"},
    "192k.wav": {"codec": "pcm_s32le", "fmt": "s32", "rate": 192_000},
    "mono_uint8.avi": {"codec": "pcm_u8", "fmt": "u8", "rate": 8_000, "layout": "mono", "picture_s": 1},
    "int32.wav": {"codec": "pcm_s32le", "fmt": "s32", "rate": 48_000},
    "float.wav": {"codec": "pcm_f32le", "fmt": "flt", "rate": 44_100},
    "double.wav": {"codec": "pcm_f64le", "fmt": "dbl", "rate": 48_000},
    "uint8.wav": {"codec": "pcm_u8", "fmt": "u8", "rate": 22_050},
    "quad.wav": {"codec": "pcm_s16le", "fmt": "s16", "layout": "quad"},
    "surround.flac": {"codec": "flac", "fmt": "s32", "rate": 96_000, "layout": "5.1"},
    "film.avi": {"codec": "pcm_s16le", "fmt": "s16", "picture_s": 1},
    "alac.mp4": {"codec": "alac", "fmt": "s16p", "rate": 44_100},
}
LOSSY: dict[str, dict[str, Any]] = {
    "film.mp4": {"rate": 44_100, "picture_s": 1.5},
    "film.mov": {"rate": 48_000, "picture_s": 1.5},
    "film.ts": {"rate": 48_000, "picture_s": 1.5},
    "8k.mp4": {"rate": 8_000, "layout": "mono"},
    "surround.mp4": {"layout": "5.1", "picture_s": 1},
    "surround_ac3.mp4": {"codec": "ac3", "layout": "5.1"},
    "song.mp3": {"codec": "libmp3lame", "rate": 44_100},
    "film.webm": {"codec": "libopus", "fmt": "flt"},
    "song.ogg": {"codec": "libopus", "fmt": "flt"},
    "song.aac": {"rate": 44_100},
    "starts_late.mp4": {"rate": 44_100, "start_s": 1.0, "picture_s": 3},
    "has_a_gap.mp4": {"rate": 44_100, "gap_s": 1.0, "picture_s": 3},
    "longer_than_the_picture.mp4": {"rate": 44_100, "picture_s": 0.5},
}
SECONDS = 1.5
#: Samples 1,000 to 1,007 of what FFmpeg 5.1.9 wrote.
RECORDED: dict[str, list[int]] = {
    "44k.wav": [-9980, -10134, -7478, -8173, -7753, -7512, -7657, -3706],
    "surround.flac": [-2370, -2376, -2517, -618, -567, -1806, -1006, -1219],
    "uint8.wav": [-9573, -6949, -9813, -8471, -6112, -11244, -5440, -2042],
    "float.wav": [-9981, -10134, -7479, -8174, -7754, -7513, -7657, -3707],
    "8k.wav": [-6776, -8711, -10332, -11929, -13875, -14261, -10792, -5122],
}


def recording(folder: Path, name: str, settings: dict[str, Any]) -> Path:
    channels = {"mono": 1, "quad": 4, "5.1": 6}.get(settings.get("layout", "stereo"), 2)
    samples = voice(settings.get("rate", 48_000), SECONDS, channels)
    return write_recording(folder / name, samples, **settings)


def steps(sound: Sound | None) -> np.ndarray:
    """The waveform as 16-bit numbers, which it is a multiple of."""
    assert sound is not None
    numbers = sound.wave * 32_768
    assert (numbers == np.round(numbers)).all()
    return numbers.astype(np.int64)


@needs_ffmpeg
@pytest.mark.parametrize("name", EXACT)
def test_lossless_sound_is_equal_bit_for_bit(name: str, tmp_path: Path) -> None:
    path = recording(tmp_path, name, EXACT[name])
    np.testing.assert_array_equal(steps(read_sound(path)), ffmpegs_wave(path))


@needs_ffmpeg
@pytest.mark.parametrize("name", LOSSY)
def test_lossy_sound_differs_by_one_step_in_few_samples(name: str, tmp_path: Path) -> None:
    path = recording(tmp_path, name, LOSSY[name])
    ours, theirs = steps(read_sound(path)), ffmpegs_wave(path)
    assert len(ours) == len(theirs)
    difference = np.abs(ours - theirs)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.005


@needs_ffmpeg
@pytest.mark.parametrize("channels", [1, 3, 5, 6, 7, 8])
def test_channels_without_a_layout(channels: int, tmp_path: Path) -> None:
    samples = (voice(48_000, 0.2, channels).T * 20_000).astype(np.int16)
    path = bare_wav(tmp_path / "bare.wav", samples, 48_000)
    np.testing.assert_array_equal(steps(read_sound(path)), ffmpegs_wave(path))


@needs_ffmpeg
def test_a_silent_channel_is_mixed_in(tmp_path: Path) -> None:
    samples = voice(48_000, 0.5, 2)
    samples[1] = 0
    path = write_recording(tmp_path / "one_side.wav", samples, codec="pcm_s16le", fmt="s16")
    found = steps(read_sound(path))
    np.testing.assert_array_equal(found, ffmpegs_wave(path))
    alone = write_recording(tmp_path / "alone.wav", samples[:1], codec="pcm_s16le", fmt="s16", layout="mono")
    assert np.abs(found - steps(read_sound(alone)) / 2).max() <= 1


@needs_ffmpeg
def test_matroska_is_the_same_but_for_the_priming(tmp_path: Path) -> None:
    path = recording(tmp_path, "film.mkv", {"rate": 16_000, "layout": "mono", "picture_s": 1})
    ours, theirs = steps(read_sound(path)), ffmpegs_wave(path)
    shift = len(theirs) - len(ours)
    assert shift in (0, 1_024)  # before FFmpeg 7, and after
    assert np.abs(ours - theirs[shift:]).max() <= 1


@needs_ffmpeg
def test_damaged_packets_are_left_out(tmp_path: Path) -> None:
    path = recording(tmp_path, "film.mp4", {})
    data = bytearray(path.read_bytes())
    for at in np.random.default_rng(3).integers(1_000, len(data) - 4_000, 40):
        data[at] ^= 0xFF
    path.write_bytes(data)
    sound = read_sound(path)
    assert sound is not None
    assert sound.damaged_packets > 5
    ours, theirs = steps(sound), ffmpegs_wave(path)
    assert len(ours) == len(theirs)
    assert np.abs(ours - theirs).max() <= 2


@needs_ffmpeg
@pytest.mark.parametrize("default", [0, 1])
def test_of_several_tracks_the_default_is_heard(default: int, tmp_path: Path) -> None:
    one, two = voice(48_000, 1, 2, seed=1), voice(48_000, 0.5, 2, seed=2)
    path = write_recording(tmp_path / "two.mkv", one, two, codec="flac", fmt="s16", default=default)
    np.testing.assert_array_equal(steps(read_sound(path)), ffmpegs_wave(path))
    assert len(ffmpegs_wave(path)) == (16_000, 8_000)[default]


def test_numbers_recorded_from_ffmpeg(tmp_path: Path) -> None:
    for name, expected in RECORDED.items():
        found = steps(read_sound(recording(tmp_path, name, EXACT[name])))
        assert found[1_000:1_008].tolist() == expected, name
