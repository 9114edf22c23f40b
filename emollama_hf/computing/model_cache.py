"""Loaded models, once per process. At most one per part: a second decoder would rarely fit beside the first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

_lock = threading.Lock()  # two threads that share a GPU must not load a model each
_loaded: dict[str, tuple[tuple[str, ...], Any]] = {}


def cached(part: str, key: tuple[str, ...], load: Callable[[], Any]) -> Any:
    """The model of `part` for `key` (digest, dtype, device, quantization); loads it if need be, in place of another."""
    with _lock:
        found = _loaded.get(part)
        if found is not None and found[0] == key:
            return found[1]
        _loaded.pop(part, None)  # free the old one before the new one is read
        model = load()
        _loaded[part] = (key, model)
        return model


def forget_models() -> None:
    """Drop every loaded model, to give its memory back."""
    _loaded.clear()
