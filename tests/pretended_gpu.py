"""A GPU that is none: tensors that say they are on "cuda", computed on the CPU, and every wait for them recorded.

The code under test takes the branches that it takes on CUDA and gets real values. What waits is decided by the
operation, as torch decides it on a GPU: a value that Python asks for, a copy to or from memory that is not pinned or
not `non_blocking`, an index that lies on the host, a result whose size depends on values, and each explicit
synchronisation. Of the version before these waits were removed it counted 7 in the last stage, the same 7 that
`set_sync_debug_mode` counted on an H100. How long a wait takes, and what kernels do, only a GPU can tell.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

CUDA = torch.device("cuda", 0)
aten = torch.ops.aten

#: Operations whose result has a size that depends on values, so that the host must know them.
SIZED_BY_VALUES = (aten.nonzero, aten.masked_select, aten._unique2, aten.unique_dim, aten.repeat_interleave)
#: Operations that are run whole on the CPU: a GPU would take other steps than these.
UNDIVIDED = (aten.scaled_dot_product_attention, aten.linear, aten.pin_memory, aten.is_pinned)


class OnGpu(torch.Tensor):
    """A tensor that says it is on the GPU; `held` has its values."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> OnGpu:
        self: OnGpu = torch.Tensor._make_wrapper_subclass(
            cls, held.shape, strides=held.stride(), storage_offset=held.storage_offset(),
            dtype=held.dtype, device=CUDA, requires_grad=False,
        )  # fmt: skip
        self.held = held
        return self

    def record_stream(self, _: object) -> None:
        """Memory is not given to others while a stream still reads it."""
        assert _watching is not None
        _watching.queued.append("record_stream")

    def __repr__(self, *_: Any, **__: Any) -> str:
        return f"OnGpu({self.held!r})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert _watching is not None, "a tensor of the pretended GPU outlived `pretended_gpu`"
        return _watching.run(func, args, kwargs or {})


class Waits(TorchDispatchMode):
    """Runs each operation on the CPU, and notes those that wait for the GPU.

    Attributes:
        waits: what waited, with the line of this package that asked for it.
        queued: what streams were told about each other.
        copies_in, copies_out: copies between the host and the GPU.
        launches: operations on the GPU.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []
        self.queued: list[str] = []
        self.copies_in = self.copies_out = self.launches = 0
        self._pinned: set[int] = set()
        self._kept: list[torch.Tensor] = []  # so that no address is used twice

    def forget(self) -> None:
        """Count from now on."""
        self.waits.clear()
        self.queued.clear()
        self.copies_in = self.copies_out = self.launches = 0

    def wait(self, why: str) -> None:
        ours = [one for one in traceback.extract_stack() if "emollama_hf/" in one.filename.replace("\\", "/")]
        where = f"{ours[-1].filename.rpartition('emollama_hf/')[2]}:{ours[-1].lineno}" if ours else "?"
        self.waits.append(f"{why} at {where}")

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.run(func, args, kwargs or {})

    def run(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        packet = func.overloadpacket
        if packet not in UNDIVIDED:
            with self:  # the steps of an operation that has no kernel of its own; inference mode leaves it whole
                found = func.decompose(*args, **kwargs)
            if found is not NotImplemented:
                return found
        given = [one for one in _tensors((args, kwargs)) if isinstance(one, OnGpu)]
        wanted = kwargs.get("device")
        to = None if wanted is None else torch.device(wanted).type
        if packet in (aten.pin_memory, aten._pin_memory):
            return self._pin(args[0].clone())
        if packet is aten.is_pinned:
            return self._is_pinned(args[0])
        if packet is aten.copy_:
            return self._copy(*args[:2], non_blocking=bool((*args[2:], kwargs.get("non_blocking", False))[0]))
        if not given:
            if to != "cuda":
                pinned = kwargs.pop("pin_memory", False) if kwargs.get("pin_memory") else False
                found = func(*args, **kwargs)
                return self._pin(found) if pinned else found
            if packet in (aten._to_copy, aten.to):
                self._copied("in", args[0], bool(kwargs.get("non_blocking", False)))
            return self._on_gpu(func, args, {**kwargs, "device": "cpu"})
        if to == "cpu":
            # A fresh tensor of the host is not pinned, so that even non_blocking waits in effect: its values are not
            # there when the call returns.
            self.copies_out += 1
            self.wait(str(packet))
            return func(*_held(args), **_held(kwargs))
        if packet in (aten._local_scalar_dense, aten.equal):
            self.wait(str(packet))
            return func(*_held(args), **_held(kwargs))
        if packet in SIZED_BY_VALUES:
            self.wait(str(packet))
        if packet in (aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_):
            for index in args[1]:
                if index is not None and not isinstance(index, OnGpu):
                    self.copies_in += 1
                    self.wait(f"{packet} with an index of the host")
                elif index is not None and index.dtype in (torch.bool, torch.uint8):
                    self.wait(f"{packet} with a mask")
        if to == "cuda":
            kwargs = {**kwargs, "device": "cpu"}
        return self._on_gpu(func, args, kwargs)

    def _on_gpu(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        self.launches += 1
        inside = [one for one in _tensors((args, kwargs)) if isinstance(one, OnGpu)]
        before = {id(one.held): one for one in inside}

        def wrapped(one: Any) -> Any:
            if not _is_tensor(one):
                return one
            return before[id(one)] if id(one) in before else OnGpu(one)  # what is changed in place stays what it was

        return tree_map(wrapped, func(*_held(args), **_held(kwargs)))

    def _copy(self, into: torch.Tensor, source: torch.Tensor, *, non_blocking: bool) -> torch.Tensor:
        if isinstance(into, OnGpu) and not isinstance(source, OnGpu) and source.ndim:
            self._copied("in", source, non_blocking)
        elif isinstance(source, OnGpu) and not isinstance(into, OnGpu):
            self._copied("out", into, non_blocking)
        _held(into).copy_(_held(source))
        return into

    def _copied(self, way: str, of_host: torch.Tensor, non_blocking: bool) -> None:
        setattr(self, f"copies_{way}", getattr(self, f"copies_{way}") + 1)
        if not non_blocking:
            self.wait(f"a copy {way} that is not non_blocking")
        elif not self._is_pinned(of_host):
            self.wait(f"a copy {way} of memory that is not pinned")

    def _pin(self, tensor: torch.Tensor) -> torch.Tensor:
        self._kept.append(tensor)
        self._pinned.add(tensor.untyped_storage().data_ptr())
        return tensor

    def _is_pinned(self, tensor: torch.Tensor) -> bool:
        return tensor.untyped_storage().data_ptr() in self._pinned


class _Stream:
    def __init__(self, *_: Any, **__: Any) -> None:
        self.cuda_stream, self.stream_id = 0, 0

    def synchronize(self) -> None:
        assert _watching is not None
        _watching.wait("a synchronisation of a stream")

    def wait_event(self, event: object) -> None:
        """The GPU waits, not the host."""
        assert _watching is not None
        assert isinstance(event, _Event)
        _watching.queued.append("wait_event")

    def record_event(self, event: Any = None) -> Any:
        return event or _Event()


class _Event:
    def __init__(self, *_: Any, **__: Any) -> None: ...

    def record(self, *_: Any) -> None: ...

    def wait(self, *_: Any) -> None: ...

    def synchronize(self) -> None:
        assert _watching is not None
        _watching.wait("a synchronisation of an event")


_watching: Waits | None = None


@contextmanager
def pretended_gpu() -> Iterator[Waits]:
    """While it lasts, "cuda" is a device; `to_gpu` puts networks there."""
    global _watching
    waits = Waits()

    def synchronize(*_: Any) -> None:
        waits.wait("torch.cuda.synchronize")

    with pytest.MonkeyPatch.context() as patch:
        torch._C._ensureCUDADeviceGuardSet()
        patch.setattr(torch.cuda, "_lazy_init", lambda: None)
        patch.setattr(torch.cuda, "is_available", lambda: True)
        patch.setattr(torch.cuda, "device_count", lambda: 1)
        patch.setattr(torch.cuda, "empty_cache", lambda: None)
        patch.setattr(torch.cuda, "synchronize", synchronize)
        patch.setattr(torch.cuda, "current_stream", _Stream)
        patch.setattr(torch.cuda, "Event", _Event)
        # `torch.tensor` makes its value on the host and copies it through the dispatcher, which is watched.
        before = torch._C._only_lift_cpu_tensors()
        torch._C._set_only_lift_cpu_tensors(True)
        _watching = waits
        try:
            with waits:
                yield waits
        finally:
            _watching = None
            torch._C._set_only_lift_cpu_tensors(before)


@torch.inference_mode()  # a view of a tensor that is none of inference could not be made within it
def to_gpu(network: nn.Module) -> nn.Module:
    """Parameters and buffers of a network on the pretended GPU; tensors that are neither stay, as with `Module.to`."""
    for module in network.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                module._parameters[name] = nn.Parameter(OnGpu(parameter.detach()), requires_grad=False)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = OnGpu(buffer)
    return network


def _is_tensor(value: object) -> bool:
    return isinstance(value, torch.Tensor)


def _tensors(values: Any) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    tree_map(lambda one: found.append(one) if _is_tensor(one) else None, values)
    return found


def _held(values: Any) -> Any:
    return tree_map(lambda one: one.held if isinstance(one, OnGpu) else one, values)
