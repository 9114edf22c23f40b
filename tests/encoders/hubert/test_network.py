"""The encoder of sound against transformers' own classes, alone and in batches, short and long."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import Wav2Vec2FeatureExtractor

from emollama_hf.encoders.hubert import waveform_network as module
from emollama_hf.encoders.hubert.config_json import TINY
from emollama_hf.encoders.hubert.network import Hubert
from tests.encoders.hubert.models import CONFIGS, sound, tiny


def transformers_states(network: Hubert, wave: np.ndarray) -> list[torch.Tensor]:
    """All hidden states as transformers computes them on its own feature extractor's input, without fused attention."""
    extract = Wav2Vec2FeatureExtractor(do_normalize=network.do_normalize)
    network.encoder.set_attn_implementation("eager")
    with torch.no_grad():
        inputs = extract(wave, sampling_rate=16_000, return_tensors="pt").input_values
        output = network.encoder(inputs, output_hidden_states=True)
    return [*(state[0] for state in output.hidden_states[:-1]), output.last_hidden_state[0]]


def apart(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Largest difference, in units of the spread."""
    return float((found - expected).abs().max() / expected.std())


@pytest.mark.parametrize("name", CONFIGS)
def test_the_vector_is_the_mean_of_transformers_last_state(name: str) -> None:
    network, wave = tiny(name), sound(24_137)
    found = network.embed([wave])
    assert (found.shape, found.dtype) == ((1, 32), torch.float32)
    assert apart(found[0], transformers_states(network, wave)[-1].mean(dim=0)) < 1e-5


@pytest.mark.parametrize("name", ["hubert large", "wav2vec2 base", "wavlm large"])
def test_layers_are_summed_and_counted_as_before_transformers_5(name: str) -> None:
    network, wave = tiny(name), sound(9_000)
    (frames,) = network.sequences([wave], layers=(0, 1, -1))
    states = transformers_states(network, wave)
    assert len(states) == 3
    assert frames.shape == ((9_000 - 400) // 320 + 1, 32)
    assert apart(frames, states[0] + states[1] + states[2]) < 1e-5
    assert torch.equal(network.embed([wave], layers=(2,)), network.embed([wave], layers=(-1,)))


@pytest.mark.parametrize("name", CONFIGS)
def test_clips_of_different_lengths_give_what_each_gives_alone(name: str) -> None:
    network = tiny(name)
    waves = [sound(length, seed) for seed, length in enumerate((16_000, 400, 16_000, 5_437, 719, 16_001))]
    together = network.embed(waves)
    assert torch.equal(together, torch.cat([network.embed([wave]) for wave in waves]))


def test_equal_lengths_that_share_a_batch_are_close_to_alone() -> None:
    """As a GPU computes them; a matrix product of another height rounds differently."""
    network = tiny()
    waves = [network.normalised(sound(8_000, seed)) for seed in range(4)]
    together = network(torch.from_numpy(np.stack(waves)))
    for frames, wave in zip(together, waves, strict=True):
        assert apart(frames, network(torch.from_numpy(wave)[None])[0]) < 1e-5


def test_loudness_and_offset_do_not_matter_where_the_input_is_normalised() -> None:
    network, wave = tiny(), sound(8_000)
    assert apart(network.embed([0.25 * wave - 0.1])[0], network.embed([wave])[0]) < 1e-3
    network.do_normalize = False
    assert network.normalised(wave) is wave
    assert apart(network.embed([0.25 * wave - 0.1])[0], network.embed([wave])[0]) > 1e-2


@pytest.mark.parametrize("samples", [500, 2**20, 2**20 + 1, 3_000_000])
def test_the_input_is_that_of_transformers_for_samples_of_float64(samples: int) -> None:
    wave = sound(samples)
    extract = Wav2Vec2FeatureExtractor(do_normalize=True)
    expected = extract(wave.astype(np.float64), sampling_rate=16_000, return_tensors="np").input_values[0]
    np.testing.assert_allclose(tiny().normalised(wave), expected, rtol=0, atol=1e-6)


def test_silence_has_a_vector() -> None:
    assert torch.isfinite(tiny().embed([np.zeros(16_000, np.float32)])).all()


def test_a_sound_shorter_than_a_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="399 samples is shorter than a frame of 400"):
        tiny().embed([sound(399)])


@pytest.mark.parametrize("layers", [(), (3,), (-4,), (0, 7)])
def test_a_layer_that_is_not_there_is_refused(layers: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="from -3 to 2"):
        tiny().embed([sound(800)], layers=layers)


@pytest.mark.parametrize("name", ["hubert large", "hubert base"])
def test_a_long_sound_has_all_frames_and_nearly_the_same_vector(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights look everywhere alike, so that what lies beyond a piece matters as much as it ever can."""
    network, wave = tiny(name), sound(75 * 16_000 + 123)
    in_pieces, (frames,) = network.embed([wave]), network.sequences([wave])
    monkeypatch.setattr(module, "PIECE_S", 1_000)
    (whole,) = network.sequences([wave])
    assert frames.shape == whole.shape == ((len(wave) - 400) // 320 + 1, 32)
    assert apart(in_pieces[0], frames.mean(dim=0)) < 1e-5
    assert apart(in_pieces[0], whole.mean(dim=0)) < 0.05


@pytest.mark.parametrize("name", ["wav2vec2 large", "wav2vec2 base"])
def test_before_the_blocks_a_long_sound_is_the_same_in_pieces(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence, then sound: norms over time, of base models, see all of it."""
    network = tiny(name)
    wave = np.concatenate([np.zeros(20 * 16_000, np.float32), sound(31 * 16_000)])
    (frames,) = network.sequences([wave], layers=(0,))
    monkeypatch.setattr(module, "PIECE_S", 1_000)
    (whole,) = network.sequences([wave], layers=(0,))
    assert apart(frames, whole) < 1e-4


def test_long_and_short_sounds_in_one_call_do_not_touch_each_other() -> None:
    network = tiny("hubert base")
    waves = [sound(1499 * 320 + 400), sound(31 * 16_000, seed=1), sound(8_000, seed=2)]
    assert torch.equal(network.embed(waves), torch.cat([network.embed([wave]) for wave in waves]))


def test_up_to_a_piece_nothing_is_cut() -> None:
    network = tiny()
    wave = sound(30 * 16_000)
    assert apart(network.embed([wave])[0], transformers_states(network, wave)[-1].mean(dim=0)) < 1e-5


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_lower_precision_stays_close_and_returns_float32(dtype: torch.dtype) -> None:
    expected, network = tiny().embed([sound(16_000)]), tiny()
    torch.nn.Module.to(network, dtype=dtype)
    found = network.embed([sound(16_000)])
    assert found.dtype == torch.float32
    assert apart(found, expected) < {torch.float16: 0.02, torch.bfloat16: 0.15}[dtype]


@pytest.mark.parametrize("name", CONFIGS)
def test_on_the_meta_device_everything_is_there(name: str) -> None:
    with torch.device("meta"):
        network = Hubert.from_config(CONFIGS[name])
    tensors = [*network.parameters(), *network.buffers()]
    assert all(tensor.is_meta for tensor in tensors)
    assert {tensor.numel() for tensor in tensors} != {0}
    assert len(network.blocks()) == TINY["num_hidden_layers"] == network.depth
    assert (network.width, network.hop, network.receptive_field) == (32, 320, 400)
