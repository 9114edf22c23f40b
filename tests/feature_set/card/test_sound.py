"""What a card says of sound: who has a track, that a voice tells who speaks, what was done without one."""

from __future__ import annotations

from pathlib import Path

import pytest
from datasets import Dataset

from emollama_hf import extract
from emollama_hf.stages.known_columns import feature_columns
from tests.sound.recordings import voice, write_recording


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two clips with sound and one without, half a second each."""
    folder = tmp_path_factory.mktemp("clips")
    sounds = [[voice(48_000, 0.5, 2, seed)] for seed in range(2)] + [[]]
    paths = [write_recording(folder / f"{i}.mp4", *sound, picture_s=0.5) for i, sound in enumerate(sounds)]
    return Dataset.from_dict({"video": [str(path) for path in paths]})


def card(clips: Dataset, out: Path, **options: object) -> str:
    extract(clips, "random-tiny", stages=["hubert_embed"], out=out, device="cpu", **options)
    return (out / "README.md").read_text()


def test_clips_without_a_track_are_counted(clips: Dataset, tmp_path: Path) -> None:
    text = card(clips, tmp_path / "out", layers=(1, -1))
    assert "| `has_audio` | False: 1, True: 2 |" in text
    assert 'columns=["hubert", "has_audio"])' in text
    assert "layers: `1, -1`" in text
    assert "clips without an audio track: zeros" in text
    assert "An embedding of the sound can identify a person" in text
    assert "models: an embedding of the sound. It contains no videos" in text


def test_a_sequence_is_named_and_is_a_recording_of_people(clips: Dataset, tmp_path: Path) -> None:
    text = card(clips, tmp_path / "out", level="frame", keep=["hubert_sequence"])
    assert ": an embedding of the sound. **It contains pictures or recordings of people.**" in text
    left = card(clips, tmp_path / "left", level="frame")
    assert "an embedding of the sound." not in left
    assert "- `hubert_sequence`: recordings or pictures of people" in left


def test_whether_there_is_a_track_is_a_fact_and_no_feature() -> None:
    assert "hubert" in feature_columns()
    assert "has_audio" not in feature_columns()
