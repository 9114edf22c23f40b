"""Encoders over the waveform against transformers' own classes."""

from __future__ import annotations

import pytest
import torch

from tests.encoders.hubert.models import sound
from tests.encoders.sound_encoder.models import SPEECH
from tests.encoders.sound_encoder.networks import apart, own_states, wrapped


@pytest.mark.parametrize("name", SPEECH)
def test_frames_of_every_layer_are_those_of_transformers(name: str) -> None:
    network, encoder, features = wrapped(name)
    wave = sound(24_137)
    expected = own_states(encoder, features, wave)
    assert len(expected) == network.depth + 1
    for layer, state in enumerate(expected):
        (frames,) = network.sequences([wave], layers=(layer,))
        assert apart(frames, state) < 1e-5
        assert apart(network.embed([wave], layers=(layer,))[0], state.mean(dim=0)) < 1e-5
    (both,) = network.sequences([wave], layers=(0, -1))
    assert apart(both, expected[0] + expected[-1]) < 1e-5


@pytest.mark.parametrize("name", SPEECH)
def test_clips_of_different_lengths_give_what_each_gives_alone(name: str) -> None:
    network, _, _ = wrapped(name)
    waves = [sound(length, seed) for seed, length in enumerate((16_000, 400, 5_437, 719, 16_001))]
    assert torch.equal(network.embed(waves), torch.cat([network.embed([wave]) for wave in waves]))
    lengths = [len(frames) for frames in network.sequences(waves)]
    assert lengths == [(len(wave) - network.receptive_field) // network.hop + 1 for wave in waves]


@pytest.mark.parametrize("name", ["wav2vec2 base", "data2vec-audio"])
def test_a_sound_of_70_seconds_has_all_frames(name: str) -> None:
    network, _, _ = wrapped(name)
    waves = [sound(70 * 16_000), sound(30 * 16_000 + 1, seed=1)]
    frames = network.sequences(waves)
    assert [len(one) for one in frames] == [(len(wave) - 400) // 320 + 1 for wave in waves]
    assert apart(network.embed(waves)[0], frames[0].mean(dim=0)) < 1e-4


@pytest.mark.parametrize("name", SPEECH)
def test_a_sound_shorter_than_a_frame_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="399 samples is shorter than a frame of 400"):
        wrapped(name)[0].embed([sound(399)])


def test_whether_a_waveform_is_normalised_is_the_feature_extractors_word() -> None:
    assert not wrapped("wav2vec2 base")[0].do_normalize
    assert wrapped("wav2vec2")[0].do_normalize
