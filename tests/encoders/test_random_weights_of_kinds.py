"""Random encoders of sound and video, as the models for trying the pipeline and for measuring it are built."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from emollama_hf.checkpoints.build import empty_network, ready
from emollama_hf.checkpoints.memory import activation_bytes, weight_bytes
from emollama_hf.encoders import find_encoder
from emollama_hf.tensors.random_weights import fill_randomly
from tests.encoders.hubert.models import sound
from tests.encoders.video_encoder.models import clip


def tiny(part: str) -> Any:
    encoder = find_encoder(part)
    network = empty_network(part, encoder.tiny, "float32")
    fill_randomly(encoder.weights(network), "cpu")
    return ready(part, network, "cpu")


def test_tiny_encoders_compute_and_are_the_same_each_time() -> None:
    waves = [sound(8_000), sound(9_000, seed=1)]
    vectors = [tiny("sound_encoder").embed(waves) for _ in range(2)]
    assert torch.equal(*vectors)
    assert float((vectors[0][0] - vectors[0][1]).abs().max()) > 1e-3
    network = tiny("video_encoder")
    clips = [network.prepared(clip(16, seed=seed)) for seed in range(2)]
    moved = [tiny("video_encoder").embed(clips) for _ in range(2)]
    assert torch.equal(moved[0][0], moved[1][0])
    assert np.isfinite(moved[0][1].numpy()).all()
    assert float((moved[0][0] - moved[0][1]).abs().max()) > 1e-3


@pytest.mark.parametrize("part", ["sound_encoder", "video_encoder"])
def test_the_sizes_of_full_encoders_are_known_without_weights(part: str) -> None:
    encoder = find_encoder(part)
    assert encoder.checked_config(encoder.full, part) == encoder.full
    assert encoder.width(encoder.full) == 1024
    assert 3.0e8 < weight_bytes(part, encoder.full, "float32") / 4 < 3.2e8
    assert activation_bytes(part, encoder.full, "bfloat16") < activation_bytes(part, encoder.full, "float32")
