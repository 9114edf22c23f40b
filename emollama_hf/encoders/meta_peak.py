"""How many values a network keeps at its peak: counted on the meta device, where a call takes no memory."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class _Alive(TorchDispatchMode):
    """Adds up the bytes of results that still exist."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = self.peak = 0
        self._seen: dict[int, Any] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        results = func(*args, **(kwargs or {}))
        given = {id(one.untyped_storage()) for one in tree_leaves((args, kwargs)) if isinstance(one, torch.Tensor)}
        for one in tree_leaves(results):
            if isinstance(one, torch.Tensor):
                self._add(one.untyped_storage(), given)
        self.peak = max(self.peak, self.bytes)
        return results

    def _add(self, storage: Any, given: set[int]) -> None:
        key = id(storage)  # PyTorch keeps one Python object for a storage while the storage lives
        if key in self._seen or key in given:
            return
        size = storage.nbytes()
        self.bytes += size

        def ended(_: Any) -> None:
            self._seen.pop(key, None)
            self.bytes -= size

        self._seen[key] = weakref.ref(storage, ended)


class _FusedAttention(TorchFunctionMode):
    """Attention as CPUs and GPUs compute it, without a matrix of tokens by tokens; the meta device has one."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if func is functional.scaled_dot_product_attention:
            query, _, value = args[:3] if len(args) >= 3 else (given["query"], given["key"], given["value"])
            return query.new_empty((*query.shape[:-1], value.shape[-1]))
        return func(*args, **given)


def peak_bytes(call: Callable[[], Any]) -> int:
    """Bytes of the intermediate values that exist at once while a function computes on the meta device.

    Args:
        call: computes with tensors on the meta device; what exists before is not counted.
    """
    counting = _Alive()
    with torch.no_grad(), _FusedAttention(), counting:
        call()
    return counting.peak
