"""Tensors that were computed a moment ago and may be asked for again, by content."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import torch


class Recent(NamedTuple):
    """A tensor, and on a GPU the event behind its computation: its values may still be on their way."""

    tensor: torch.Tensor
    computed: Any = None


class RecentTensors:
    """The tensors that were used last, up to a number of bytes; threads and their streams share them."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._held: OrderedDict[str, Recent] = OrderedDict()
        self._lock = threading.Lock()

    def __deepcopy__(self, memo: object) -> RecentTensors:
        # A copied network computes its own.
        return RecentTensors(self._most_bytes)

    def __reduce__(self) -> tuple[type[RecentTensors], tuple[int]]:
        return RecentTensors, (self._most_bytes,)

    def of(self, keys: Sequence[str], compute: Callable[[list[int]], Sequence[torch.Tensor]]) -> list[torch.Tensor]:
        """A tensor for each key.

        Args:
            keys: what decides each tensor's values. Equal keys are computed once.
            compute: the tensors of some indices of `keys`, in order; called at most once, with those that are not held.
        """
        with self._lock:
            found = {key: self._held[key] for key in keys if key in self._held}
        for recent in found.values():
            _use_here(recent)
        absent = [index for index, key in enumerate(keys) if key not in found and key not in keys[:index]]
        if absent:
            computed = compute(absent)
            event = _event_behind(computed[0])
            found |= {keys[index]: Recent(one, event) for index, one in zip(absent, computed, strict=True)}
        with self._lock:
            for key in keys:
                self._keep(key, found[key])
        return [found[key].tensor for key in keys]

    def _keep(self, key: str, recent: Recent) -> None:
        old = self._held.pop(key, None)
        if old is not None:
            self._bytes -= old.tensor.nbytes
        self._held[key] = recent
        self._bytes += recent.tensor.nbytes
        while self._bytes > self._most_bytes:
            self._bytes -= self._held.popitem(last=False)[1].tensor.nbytes


def _event_behind(tensor: torch.Tensor) -> Any:
    import torch

    return torch.cuda.current_stream(tensor.device).record_event() if tensor.device.type == "cuda" else None


def _use_here(recent: Recent) -> None:
    """Let this thread's stream wait for what another one computes, and keep the memory until this one has read it."""
    import torch

    if recent.computed is not None:
        stream = torch.cuda.current_stream(recent.tensor.device)
        stream.wait_event(recent.computed)
        recent.tensor.record_stream(stream)
