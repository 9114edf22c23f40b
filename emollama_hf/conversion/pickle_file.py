"""Reading a training program's .pth file without running anything that is in it."""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from emollama_hf.checkpoints.strict_load import check_not_pointer
from emollama_hf.errors import ModelError


def read_checkpoint(path: Path) -> Mapping[str, Any]:
    """The dict that `torch.save` wrote, its tensors mapped from the file.

    Only tensors, plain containers, numbers, strings and `argparse.Namespace` (masked autoencoders keep their
    options in one) are made. Raises ModelError for anything else, and for what is no checkpoint.
    """
    check_not_pointer(path)
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise ModelError(
            f"{path} ({path.stat().st_size} bytes): not a checkpoint that can be read safely "
            f"({str(error).splitlines()[0] if str(error) else type(error).__name__}). "
            "Check that the download is complete and the file is a PyTorch checkpoint."
        ) from error
    if not isinstance(content, Mapping):
        raise ModelError(f"{path} holds a {type(content).__name__}, expected the dict of a checkpoint.")
    return content


def model_state(checkpoint: Mapping[str, Any]) -> Mapping[str, torch.Tensor]:
    """The weights of a training checkpoint: its `model`, or the whole of a bare state dict."""
    state = checkpoint.get("model", checkpoint)
    return state if isinstance(state, Mapping) else checkpoint
