"""Float32 that is float32: while a model computes, torch may not multiply in TF32 or bfloat16 instead.

torch allows TF32 in convolutions by itself, which moved EVA's values by 1.7e-3 of their spread on an H100, and programs
allow more with `torch.set_float32_matmul_precision`. The switches are the process's: they are turned for as long as any
thread computes here, and then turned back.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

_lock = threading.Lock()
_inside = 0
_undo = ExitStack()


@contextmanager
def exact_float32() -> Iterator[None]:
    """Products and convolutions of float32 in float32, on a GPU and on a CPU; nothing else changes."""
    global _inside
    with _lock:
        if not _inside:
            with _unwarned():
                _turn_off(_undo)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                with _unwarned():
                    _undo.close()


@contextmanager
def _unwarned() -> Iterator[None]:
    """torch 2.9 warns of each of the two interfaces, and who reads that did not choose one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _turn_off(undo: ExitStack) -> None:
    """Turn off what is on, by the interface that it was turned on with: torch refuses to read a mixture of both."""
    import torch

    backends: Any = torch.backends
    switches = (
        backends.cuda.matmul,
        backends.cudnn.conv,
        backends.cudnn.rnn,
        backends.mkldnn.matmul,
        backends.mkldnn.conv,
    )
    for switch in switches:  # last of all, when the older interface has turned more than it had been told before
        undo.callback(_restore, switch, switch.fp32_precision)
    precision = _read(torch.get_float32_matmul_precision)
    if precision not in (None, "highest"):
        undo.callback(torch.set_float32_matmul_precision, precision)
        torch.set_float32_matmul_precision("highest")
    if _read(lambda: backends.cudnn.allow_tf32):
        undo.callback(setattr, backends.cudnn, "allow_tf32", True)
        backends.cudnn.allow_tf32 = False
    for switch in switches:
        if switch.fp32_precision not in ("ieee", "none"):
            switch.fp32_precision = "ieee"


def _restore(switch: Any, value: str) -> None:
    if switch.fp32_precision != value:
        switch.fp32_precision = value


def _read(switch: Any) -> Any:
    try:
        return switch()
    except RuntimeError:  # it was set by the newer interface, whose switches are read one by one
        return None
