"""Whether a configuration is of a model as large as its weights: found out before any memory is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from emollama_hf.encoders.transformers_classes import first_line
from emollama_hf.errors import ModelError
from emollama_hf.pretrained.weight_state import WeightState

#: Numbers of a model that no file need hold: tables of positions, masks, indices.
_TABLES = 64 * 2**20


def check_size(build: Callable[[], Any], state: WeightState) -> nn.Module:
    """Build a model on the meta device and compare its size with the weights.

    Args:
        build: makes the model on torch's default device.
        state: the weights.

    Returns:
        The empty model.

    Raises:
        ModelError: the library refuses the configuration, or the model has far more numbers than the weights.
    """
    try:
        with torch.device("meta"):
            model: nn.Module = build()
    except Exception as error:  # every architecture refuses in its own way
        raise ModelError(
            f"{state.where}: the configuration cannot be built ({first_line(error)}). Fetch it again from where its "
            "weights came from."
        ) from error
    numbers = sum(tensor.numel() for tensor in (*model.parameters(), *model.buffers()))
    if numbers > 2 * state.values + _TABLES:
        raise ModelError(
            f"{state.where}: the configuration is of a model with {numbers:,} numbers, and the weights have "
            f"{state.values:,}. Check that both belong to the same model."
        )
    return model
