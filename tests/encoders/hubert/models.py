"""Tiny encoders of speech of each architecture, with random weights, and sounds for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from emollama_hf.encoders.hubert.config_json import TINY
from emollama_hf.encoders.hubert.network import Hubert

#: As the base models have it: a group norm over time in the first convolution, norms behind each block.
BASE = {**TINY, "feat_extract_norm": "group", "conv_bias": False, "do_stable_layer_norm": False}
CONFIGS: dict[str, dict[str, Any]] = {
    "hubert large": TINY,
    "hubert base": BASE,
    "wav2vec2 large": {**TINY, "model_type": "wav2vec2"},
    "wav2vec2 base": {**BASE, "model_type": "wav2vec2"},
    "wavlm large": {**TINY, "model_type": "wavlm"},
    "wavlm base": {**BASE, "model_type": "wavlm"},
}


def tiny(name: str = "hubert large", seed: int = 0) -> Hubert:
    """An encoder whose every weight is random, norms and biases included."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Hubert.from_config(CONFIGS[name]).eval().requires_grad_(False)
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)
    return network


def sound(samples: int, seed: int = 0) -> NDArray[np.float32]:
    """A voiced tone that rises and falls, with noise, away from mean 0: (samples,) float32."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / 16_000
    tone = sum(np.sin(2 * np.pi * k * (120 + 20 * seed) * time) / k for k in range(1, 8))
    loudness = 0.6 + 0.4 * np.sin(2 * np.pi * 2 * time)
    return (0.05 + 0.1 * tone * loudness + 0.01 * rng.standard_normal(samples)).astype(np.float32)
