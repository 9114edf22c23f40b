"""Batches that fit into memory: one that does not is halved, and the work goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from emollama_hf.errors import ModelError

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

#: The largest batch that has fitted after one did not, by what computed it; of this process.
_largest: dict[str, int] = {}


def in_fitting_batches(compute: Callable[[list[Item]], list[Result]], items: Sequence[Item], what: str) -> list[Result]:
    """`compute(items)`, in smaller pieces where memory does not suffice; results in order.

    what: names the computation, for messages and to begin with what fitted the last time.
    Raises ModelError if a single item does not fit.
    """
    results: list[Result] = []
    size = min(len(items), _largest.get(what, len(items)))
    while len(results) < len(items):
        batch = list(items[len(results) : len(results) + size])
        reason = ""
        try:
            results += compute(batch)
            continue
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error).partition("\n")[0]
        # Outside the handler: while the error is there, so are the tensors of the calls that it passed through.
        _release()
        if len(batch) == 1:
            raise ModelError(
                f"{what}: not enough memory for a single clip ({reason}). Free some, or take a smaller number type "
                "(dtype='bfloat16'), a quantized decoder (quantize='4bit') or another device."
            )
        size = _largest[what] = (len(batch) + 1) // 2
        logger.warning("%s: not enough memory for %d clips together; going on with %d.", what, len(batch), size)
    return results


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice, on a GPU or on the CPU."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return "DefaultCPUAllocator" in str(error)  # a plain RuntimeError


def _release() -> None:
    """Give what torch keeps for later back to the GPU: it may lie in pieces of the wrong size."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
