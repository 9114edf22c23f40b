"""Loaded models, once per process. At most one a slot: a second decoder would rarely fit beside the first."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from typing import Any

_lock = threading.Lock()  # two threads that share a GPU must not load a model each
_loaded: dict[str, tuple[tuple[str, ...], Any]] = {}


def cached(slot: str, key: tuple[str, ...], load: Callable[[], Any]) -> Any:
    """A slot's model for `key` (digest, dtype, device, quantization); loads it if need be, in place of another.

    slot: a part of a model directory, or a stage that brings an encoder of its own.
    """
    with _lock:
        if slot in _loaded and _loaded[slot][0] == key:
            return _loaded[slot][1]
        if _loaded.pop(slot, None) is not None:
            # The old one is to be gone before the new one is read; compiled blocks refer to themselves.
            gc.collect()
        model = load()
        _loaded[slot] = (key, model)
        return model


def forget_models() -> None:
    """Drop every loaded model, to give its memory back."""
    _loaded.clear()
