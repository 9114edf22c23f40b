"""Threads that share one device: while one waits for it, another prepares its next batch or lets results go."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from emollama_hf.checkpoints.memory import LANES

Result = TypeVar("Result")


class Lanes:
    """Threads for the models of a process; on a GPU each has a stream of its own, so that copies run beside
    computation.

    device: of the models. count: of threads; None for two on a GPU, and one where the cores compute.
    """

    def __init__(self, device: str, count: int | None = None) -> None:
        self._device = device if device.startswith("cuda") else None
        self.count = count or (LANES if self._device is not None else 1)
        self._stream = threading.local()
        self._threads = ThreadPoolExecutor(self.count, "lane")

    def submit(self, call: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Call a function in the next lane that is free."""
        return self._threads.submit(self._in_stream, call, *arguments)

    def drop(self) -> None:
        """Forget what has not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Wait for what has begun."""
        self._threads.shutdown(wait=True)

    def _in_stream(self, call: Callable[..., Result], *arguments: Any) -> Result:
        with self._own_stream():
            return call(*arguments)

    def _own_stream(self) -> AbstractContextManager[Any]:
        if self._device is None:
            return nullcontext()
        import torch

        if not hasattr(self._stream, "of_this_thread"):
            self._stream.of_this_thread = torch.cuda.Stream(self._device)
        return torch.cuda.stream(self._stream.of_this_thread)
