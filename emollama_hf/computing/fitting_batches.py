"""Batches that fit into memory: one that does not is halved, the work goes on, and later ones grow again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from emollama_hf.computing.fitting_size import FittingSize
from emollama_hf.console.logs import package_logger
from emollama_hf.errors import ModelError

logger = package_logger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Of each computation of this process, by its name.
_sizes: dict[str, FittingSize] = {}

#: What says that memory did not suffice where torch raises a plain RuntimeError or an AcceleratorError.
SAID = (
    "DefaultCPUAllocator",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


def in_fitting_batches(compute: Callable[[list[Item]], list[Result]], items: Sequence[Item], what: str) -> list[Result]:
    """`compute(items)`, in smaller pieces where memory does not suffice; results in order.

    what: names the computation, for messages and to begin with what fitted the last time (`FittingSize`).
    A single item that does not fit beside what other threads compute gets the memory for itself once.
    Raises ModelError if it does not fit then.
    """
    results: list[Result] = []
    size = _sizes.setdefault(what, FittingSize())
    alone = False
    while len(results) < len(items):
        batch = list(items[len(results) : len(results) + size.of(len(items))])
        reason = ""
        try:
            with _memory.alone() if alone else _memory.shared():
                results += compute(batch)
            size.fitted(len(batch), len(items))
            alone = False
            continue
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error).partition("\n")[0]
        # Outside the handler: while the error is there, so are the tensors of the calls that it passed through.
        _release()
        if len(batch) == 1 and not alone:
            alone = True
            continue
        if len(batch) == 1:
            raise ModelError(
                f"{what}: not enough memory for a single clip ({reason}). Free some, or take a smaller number type "
                "(dtype='bfloat16'), a quantized decoder (quantize='4bit') or another device."
            )
        fewer = size.failed(len(batch))
        logger.warning("%s: not enough memory for %d clips together; going on with %d.", what, len(batch), fewer)
    return results


def largest_fitting(what: str) -> int | None:
    """The size of batches of a computation; None if none has failed."""
    return _sizes[what].limit if what in _sizes else None


def forget_size(what: str) -> None:
    """Let the next batch of a computation be as large as asked for."""
    _sizes.pop(what, None)


class _Memory:
    """Threads that compute side by side, or one of them alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._computing = 0
        self._alone = threading.Lock()

    @contextmanager
    def shared(self) -> Iterator[None]:
        with self._alone, self._changed:  # not while one is alone, or waits to be
            self._computing += 1
        try:
            yield
        finally:
            with self._changed:
                self._computing -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._alone:
            with self._changed:
                self._changed.wait_for(lambda: self._computing == 0)
            _release()  # what the others have left
            yield


_memory = _Memory()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice, on a GPU or on the CPU."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(text in str(error) for text in SAID)


def _release() -> None:
    """Give what torch keeps for later back to the GPU: it may lie in pieces of the wrong size."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
