"""Networks of this package around models of transformers, and what transformers computes itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from emollama_hf.encoders.pretrained_encoder import ModelFiles
from emollama_hf.encoders.sound_encoder.encoder import SoundEncoder
from tests.encoders.sound_encoder.models import original

ENCODER = SoundEncoder()


def wrapped(name: str) -> tuple[Any, Any, Any]:
    """(our network, the encoder of transformers with the same weights, its feature extractor)."""
    model, features = original(name)
    encoder: Any = model.encoder if name == "whisper" else model
    files = ModelFiles(name, model.config.to_dict(), {"preprocessor_config.json": features.to_dict()})
    network = ENCODER.around(encoder, ENCODER.described(files))
    return network.eval().requires_grad_(False), encoder, features


def own_states(encoder: Any, features: Any, wave: np.ndarray) -> list[torch.Tensor]:
    """All hidden states as transformers computes them on its feature extractor's input."""
    with torch.no_grad():
        inputs = features(wave, sampling_rate=16_000, return_tensors="pt")
        output = encoder(next(iter(inputs.values())), output_hidden_states=True)
    return [*(state[0] for state in output.hidden_states[:-1]), output.last_hidden_state[0]]


def apart(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Largest difference, in units of the spread."""
    return float((found - expected).abs().max() / expected.std())
