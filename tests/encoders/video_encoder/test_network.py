"""Encoders of video against transformers' own processors and classes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from emollama_hf.encoders.pretrained_encoder import ModelFiles
from emollama_hf.encoders.video_encoder.encoder import VideoEncoder
from emollama_hf.encoders.video_encoder.frame_choice import chosen_frames
from tests.encoders.video_encoder.models import MODELS, SIDE, clip, original

ENCODER = VideoEncoder()
#: (frames of the clips, frames of a time step, patches).
SIZES = dict.fromkeys(MODELS, (8, 2, 16)) | {"timesformer": (4, 1, 16), "timesformer, joint": (4, 1, 16)}


def wrapped(name: str) -> tuple[Any, Any, Any]:
    """(our network, the model of transformers with the same weights, its processor)."""
    model, processor = original(name)
    settings = json.loads(processor.to_json_string())
    files = ModelFiles(name, json.loads(model.config.to_json_string()), {"video_preprocessor_config.json": settings})
    network = ENCODER.around(original(name)[0], ENCODER.described(files))
    return network.eval().requires_grad_(False), model, processor


def own_tokens(model: Any, processor: Any, frames: np.ndarray) -> torch.Tensor:
    """The last hidden state as transformers computes it on its processor's pixels."""
    inputs = processor([list(frames)], return_tensors="pt", input_data_format="channels_last")
    with torch.no_grad():
        if "pixel_values_videos" in inputs:
            return model.get_vision_features(**inputs)[0]
        return model(**inputs).last_hidden_state[0]


def apart(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Largest difference, in units of the spread."""
    return float((found - expected).abs().max() / expected.std())


@pytest.mark.parametrize("name", MODELS)
def test_pixels_are_those_of_transformers_processor(name: str) -> None:
    network, _, processor = wrapped(name)
    frames = clip(SIZES[name][0])
    (expected,) = processor([list(frames)], return_tensors="np", input_data_format="channels_last").values()
    found = network.prepared(frames)
    assert (found.shape, found.dtype) == ((len(frames), 3, SIDE, SIDE), np.float32)
    np.testing.assert_allclose(found, np.asarray(expected)[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_the_vector_of_a_clip_is_its_class_token_or_the_mean_of_its_tokens(name: str) -> None:
    network, model, processor = wrapped(name)
    frames = clip(SIZES[name][0])
    tokens = own_tokens(model, processor, frames)
    expected = tokens[0] if "timesformer" in name or name == "vivit" else tokens.mean(dim=0)
    (found,) = network.embed([network.prepared(frames)])
    assert (found.shape, found.dtype) == ((48,), torch.float32)
    assert apart(found, expected) < 1e-5


@pytest.mark.parametrize("name", MODELS)
def test_the_vectors_of_time_steps_are_means_over_space(name: str) -> None:
    network, model, processor = wrapped(name)
    count, tubelet, patches = SIZES[name]
    frames = clip(count)
    tokens = own_tokens(model, processor, frames)
    if "timesformer" in name:
        steps = [tokens[1 + step :: count].mean(dim=0) for step in range(count)]
    else:
        space = tokens[1:] if name == "vivit" else tokens
        steps = [space[at : at + patches].mean(dim=0) for at in range(0, len(space), patches)]
    (found,) = network.sequences([network.prepared(frames)])
    assert found.shape == (count // tubelet, 48)
    assert apart(found, torch.stack(steps)) < 1e-5


@pytest.mark.parametrize("name", MODELS)
def test_a_time_step_is_about_its_own_frames(name: str) -> None:
    """Whether the order of tokens was understood: before any block, other frames change no other step."""
    network, _, _ = wrapped(name)
    count, tubelet, _ = SIZES[name]
    for block in network.blocks():
        block.register_forward_hook(_unchanged)
    frames = clip(count)
    changed = frames.copy()
    changed[-1] = 255 - changed[-1]
    before, after = (network.sequences([network.prepared(one)])[0] for one in (frames, changed))
    moved = (before - after).abs().amax(dim=1) > 1e-3
    assert moved.tolist() == [False] * (count // tubelet - 1) + [True]


def _unchanged(module: Any, inputs: tuple[Any, ...], output: Any) -> Any:
    return inputs[0] if isinstance(output, torch.Tensor) else (inputs[0], *output[1:])


@pytest.mark.parametrize("name", MODELS)
def test_batches_give_what_single_clips_give(name: str) -> None:
    network, _, _ = wrapped(name)
    clips = [network.prepared(clip(SIZES[name][0], seed=seed)) for seed in range(3)]
    for compute in (network.embed, network.sequences):
        for together, one in zip(compute(clips), [compute([one])[0] for one in clips], strict=True):
            assert apart(together, one) < 1e-5
    assert apart(network.embed(clips)[0], network.embed(clips)[1]) > 1e-3


@pytest.mark.parametrize("name", ["videomae", "timesformer", "vivit"])
def test_of_more_frames_the_middles_of_equal_parts_are_taken_and_fewer_are_an_error(name: str) -> None:
    network, _, _ = wrapped(name)
    count = network.frame_count
    assert count == SIZES[name][0]
    frames = clip(3 * count)
    assert np.array_equal(network.prepared(frames), network.prepared(frames[1::3]))
    with pytest.raises(ValueError, match=f"takes {count} frames of a clip, got {count - 1}"):
        network.prepared(frames[: count - 1])


def test_vjepa2_takes_any_even_number_of_frames() -> None:
    network, model, processor = wrapped("vjepa2")
    assert network.frame_count is None
    for count in (2, 6, 16):
        frames = clip(count)
        tokens = own_tokens(model, processor, frames)
        assert apart(network.embed([network.prepared(frames)])[0], tokens.mean(dim=0)) < 1e-5
        assert network.sequences([network.prepared(frames)])[0].shape == (count // 2, 48)
    assert network.prepared(clip(7)).shape[0] == 6
    with pytest.raises(ValueError, match="takes 2 frames of a clip, got 1"):
        network.prepared(clip(1))


def test_vjepa2_clips_of_different_lengths_keep_their_order() -> None:
    network, _, _ = wrapped("vjepa2")
    clips = [network.prepared(clip(count, seed=count)) for count in (4, 8, 4, 2)]
    for together, one in zip(network.embed(clips), clips, strict=True):
        assert apart(together, network.embed([one])[0]) < 1e-5


@pytest.mark.parametrize("size", [(32, 32), (20, 30), (3, 300), (224, 224)])
def test_pictures_of_any_size_become_squares(size: tuple[int, int]) -> None:
    network, _, processor = wrapped("videomae")
    frames = clip(8, size=size)
    (expected,) = processor([list(frames)], return_tensors="np", input_data_format="channels_last").values()
    np.testing.assert_allclose(network.prepared(frames), np.asarray(expected)[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", MODELS)
def test_lower_precision_stays_close_and_returns_float32(name: str, dtype: torch.dtype) -> None:
    network, _, _ = wrapped(name)
    pixels = network.prepared(clip(SIZES[name][0]))
    expected = network.embed([pixels])[0]
    torch.nn.Module.to(network, dtype=dtype)
    found = network.embed([pixels])[0]
    assert found.dtype == torch.float32
    assert apart(found, expected) < {torch.float16: 0.02, torch.bfloat16: 0.15}[dtype]


def test_frame_choice() -> None:
    assert chosen_frames(16, 16).tolist() == list(range(16))
    assert chosen_frames(16, 8).tolist() == [1, 3, 5, 7, 9, 11, 13, 15]
    for frames in range(1, 60):
        for count in range(1, frames + 1):
            chosen = chosen_frames(frames, count)
            assert len(set(chosen.tolist())) == count
            assert 0 <= chosen.min() <= chosen.max() < frames
            assert np.ptp(np.diff(chosen)) <= 1 if count > 1 else True
