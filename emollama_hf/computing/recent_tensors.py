"""Tensors that were computed a moment ago and may be asked for again, by content."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class RecentTensors:
    """The tensors that were used last, up to a number of bytes; threads share them."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._held: OrderedDict[str, torch.Tensor] = OrderedDict()
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
        absent = [index for index, key in enumerate(keys) if key not in found and key not in keys[:index]]
        if absent:
            found |= zip((keys[index] for index in absent), compute(absent), strict=True)
        with self._lock:
            for key in keys:
                self._keep(key, found[key])
        return [found[key] for key in keys]

    def _keep(self, key: str, tensor: torch.Tensor) -> None:
        old = self._held.pop(key, None)
        if old is not None:
            self._bytes -= old.nbytes
        self._held[key] = tensor
        self._bytes += tensor.nbytes
        while self._bytes > self._most_bytes:
            self._bytes -= self._held.popitem(last=False)[1].nbytes
