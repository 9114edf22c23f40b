"""Whisper's encoder against transformers: windows of 30 s, one after another, and the frames of the clip's sound."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.encoders.hubert.models import sound
from tests.encoders.sound_encoder.networks import apart, own_states, wrapped

WINDOW = 30 * 16_000


def expected_frames(encoder: object, features: object, wave: np.ndarray, layer: int = -1) -> torch.Tensor:
    """Of each window the hidden states of transformers, as many as its sound has."""
    parts = [wave[at : at + WINDOW] for at in range(0, len(wave), WINDOW)]
    return torch.cat([own_states(encoder, features, part)[layer][: math.ceil(len(part) / 320)] for part in parts])


@pytest.mark.parametrize("samples", [1, 160, 319, 320, 321, 24_137, WINDOW, WINDOW + 1, 70 * 16_000])
def test_frames_and_their_mean_are_those_of_transformers(samples: int) -> None:
    network, encoder, features = wrapped("whisper")
    wave = sound(samples)
    expected = expected_frames(encoder, features, wave)
    (frames,) = network.sequences([wave])
    assert frames.shape == (math.ceil(samples / 320), 32)
    assert frames.dtype == torch.float32
    assert apart(frames, expected) < 1e-5
    assert apart(network.embed([wave])[0], expected.mean(dim=0)) < 1e-5


def test_every_layer_the_last_after_the_final_norm() -> None:
    network, encoder, features = wrapped("whisper")
    wave = sound(9_000)
    states = [expected_frames(encoder, features, wave, layer) for layer in range(3)]
    for layer, state in enumerate(states):
        assert apart(network.sequences([wave], layers=(layer,))[0], state) < 1e-5
    (both,) = network.sequences([wave], layers=(0, -1))
    assert apart(both, states[0] + states[2]) < 1e-5
    normed = (network.sequences([wave])[0] - encoder.layer_norm.bias) / encoder.layer_norm.weight
    assert float(normed.mean(dim=1).abs().max()) < 1e-5
    assert float(normed.std(dim=1, unbiased=False).sub(1).abs().max()) < 1e-3


@settings(max_examples=25, deadline=None)
@given(samples=st.integers(1, 10**7))
def test_the_number_of_frames_follows_from_hop_and_receptive_field(samples: int) -> None:
    """Which stages use for clips without a sound."""
    network, _, _ = wrapped("whisper")
    assert (samples - network.receptive_field) // network.hop + 1 == math.ceil(samples / 320)


def test_clips_of_different_lengths_give_what_each_gives_alone() -> None:
    network, _, _ = wrapped("whisper")
    waves = [sound(length, seed) for seed, length in enumerate((16_000, 1, WINDOW + 5_000, 719))]
    assert torch.equal(network.embed(waves), torch.cat([network.embed([wave]) for wave in waves]))


def test_windows_that_share_a_batch_are_close_to_alone() -> None:
    """As a GPU computes them; a matrix product of another height rounds differently."""
    network, _, _ = wrapped("whisper")
    inputs = [torch.from_numpy(network.log_mel(sound(8_000, seed))) for seed in range(3)]
    for together, one in zip(network(torch.stack(inputs)), inputs, strict=True):
        assert apart(together, network(one[None])[0]) < 1e-5


def test_no_sound_is_refused() -> None:
    with pytest.raises(ValueError, match="0 samples"):
        wrapped("whisper")[0].embed([np.zeros(0, np.float32)])
