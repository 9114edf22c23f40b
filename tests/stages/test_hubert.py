"""The sound of a clip as one vector: equal to transformers, with and without a track, and into the upstream layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import Wav2Vec2FeatureExtractor

from emollama_hf import ClipError, EmoLlamaEmbed, HubertEmbed, SampleFrames, extract
from emollama_hf.checkpoints import open_model
from emollama_hf.encoders.emotion_llama.config_json import visual_tokens
from emollama_hf.sound import read_sound
from emollama_hf.stages.known_columns import sensitive_columns
from tests.sound.recordings import bare_wav, voice, write_recording

CPU: dict[str, Any] = {"device": "cpu", "dtype": "float32"}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A clip with sound and picture, and one without sound, 1 s each."""
    folder = tmp_path_factory.mktemp("clips")
    return {
        "heard": str(write_recording(folder / "heard.mp4", voice(48_000, 1, 2), picture_s=1)),
        "silent": str(write_recording(folder / "silent.mp4", picture_s=1)),
    }


def test_equal_to_transformers_on_the_same_wave(clips: dict[str, str]) -> None:
    (found,) = HubertEmbed("random-tiny", **CPU)({"video": [clips["heard"]]})["hubert"]
    sound = read_sound(clips["heard"])
    assert sound is not None
    inputs = Wav2Vec2FeatureExtractor(do_normalize=True)(sound.wave, sampling_rate=16_000, return_tensors="pt")
    encoder = open_model("random-tiny").load("hubert").encoder
    encoder.set_attn_implementation("eager")
    with torch.inference_mode():
        expected = encoder(inputs.input_values).last_hidden_state[0].mean(dim=0).numpy()
    assert np.abs(found - expected).max() < 1e-5 * expected.std()


def test_a_clip_without_a_track(clips: dict[str, str]) -> None:
    rows = {"video": [clips["heard"], clips["silent"]]}
    zeros = HubertEmbed("random-tiny", **CPU)(rows)
    assert list(zeros["has_audio"]) == [True, False]
    assert np.count_nonzero(zeros["hubert"][0])
    assert not np.count_nonzero(zeros["hubert"][1])
    silence = HubertEmbed("random-tiny", no_audio="silence", **CPU)(rows)
    assert list(silence["has_audio"]) == [True, False]
    network = open_model("random-tiny").load("hubert")
    np.testing.assert_array_equal(silence["hubert"][1], network.embed([np.zeros(16_000, np.float32)])[0].numpy())
    null = HubertEmbed("random-tiny", no_audio="null", on_error="null", **CPU)(rows)
    assert list(null["emollama_status"]) == ["ok", "no_audio"]
    assert null["hubert"][1] is None
    assert null["has_audio"][1] is None


def test_a_vector_every_20_ms(clips: dict[str, str]) -> None:
    rows = {"video": [clips["heard"], clips["silent"]]}
    stage = HubertEmbed("random-tiny", level="frame", **CPU)
    heard, silent = stage(rows)["hubert_sequence"]
    (vector, _) = HubertEmbed("random-tiny", **CPU)(rows)["hubert"]
    assert np.allclose(heard.mean(axis=0), vector, atol=1e-5)
    assert silent.shape == (49, 32)
    assert not silent.any()
    assert "hubert_sequence" in sensitive_columns()
    mapped = Dataset.from_dict(rows).map(stage, batched=True, features=None)
    assert [len(one) for one in mapped["hubert_sequence"]] == [len(heard), 49]


def test_sequences_are_stored_and_found_again(clips: dict[str, str], tmp_path: Path) -> None:
    ds = Dataset.from_dict({"video": list(clips.values())})
    options: dict[str, Any] = {"model": "random-tiny", "stages": ["hubert_embed"], "level": "frame", **CPU}
    done = extract(ds, out=tmp_path / "out", keep=["hubert_sequence"], **options)
    expected = HubertEmbed("random-tiny", level="frame", **CPU)({"video": list(clips.values())})
    for found, one in zip(done["hubert_sequence"], expected["hubert_sequence"], strict=True):
        np.testing.assert_array_equal(np.asarray(found, np.float32), one)
    assert "hubert_sequence" not in extract(ds, out=tmp_path / "private", **options).column_names


def test_layers_are_summed_and_checked(clips: dict[str, str]) -> None:
    row = {"video": [clips["heard"]]}
    one, other, both = (
        HubertEmbed("random-tiny", layers=layers, **CPU)(row)["hubert"][0] for layers in ((1,), (-1,), (1, -1))
    )
    assert np.allclose(both, one + other, atol=1e-5)
    with pytest.raises(ValueError, match=r"layers=\(9,\): expected at least one number from -3 to 2"):
        HubertEmbed("random-tiny", layers=(9,), **CPU)(row)
    for layers in ((), ("last",), (True,)):
        with pytest.raises(ValueError, match="layers="):
            HubertEmbed("random-tiny", layers=layers)


def test_a_sound_that_is_shorter_than_a_frame_fails(tmp_path: Path) -> None:
    short = bare_wav(tmp_path / "short.wav", np.ones((399, 1), np.int16), 16_000)
    with pytest.raises(ClipError, match="399 samples of 16 kHz, and a frame of the encoder takes 400") as error:
        HubertEmbed("random-tiny", **CPU)({"video": [str(short)]})
    assert error.value.kind == "no_audio"


@pytest.mark.parametrize(("name", "codec", "fmt"), [("s.wav", "pcm_s16le", "s16"), ("s.m4a", "aac", "fltp")])
def test_a_file_of_sound_alone_has_a_vector_and_no_frames(name: str, codec: str, fmt: str, tmp_path: Path) -> None:
    row = {"video": [str(write_recording(tmp_path / name, voice(48_000, 0.5, 2), codec=codec, fmt=fmt))]}
    heard = HubertEmbed("random-tiny", **CPU)(row)
    assert list(heard["has_audio"]) == [True]
    assert np.count_nonzero(heard["hubert"])
    assert SampleFrames(on_error="null")(row)["emollama_status"] == ["no_video_stream"]


def test_the_upstream_layout_runs_end_to_end(clips: dict[str, str], tmp_path: Path) -> None:
    ds = Dataset.from_dict({"video": list(clips.values())})
    options: dict[str, Any] = {"layout": "upstream", **CPU}
    done = extract(ds, "random-tiny", out=tmp_path / "out", **options)
    assert done["emollama_status"] == ["ok", "ok"]
    assert done["has_audio"] == [True, False]
    config = open_model("random-tiny").config("emotion_llama")
    assert np.shape(done["emollama"][0])[0] == 50 + visual_tokens(config, 3)
    assert visual_tokens(open_model("random-full").config("emotion_llama"), 3) == 260
    mapped = EmoLlamaEmbed("random-tiny", **options)({"video": list(clips.values())})
    np.testing.assert_array_equal(np.asarray(done["emollama"]), mapped["emollama"])


def test_the_vector_of_the_sound_reaches_the_decoder(clips: dict[str, str]) -> None:
    embed = EmoLlamaEmbed("random-tiny", layout="upstream", pooling="mean", **CPU)
    heard = {"video": [clips["heard"]]}
    zeros = {**heard, "hubert": [np.zeros(32, np.float32)]}
    given = {**heard, "hubert": HubertEmbed("random-tiny", **CPU)(heard)["hubert"]}
    np.testing.assert_array_equal(embed(heard)["emollama"], embed(given)["emollama"])
    assert np.abs(embed(heard)["emollama"] - embed(zeros)["emollama"]).max() > 0
