"""One process that finds faces for all readers of a worker, on the GPU: whatever waits is searched together."""

from __future__ import annotations

import multiprocessing
import selectors
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from emollama_hf.computing.process import prepare_to_compute
from emollama_hf.console.safe_errors import without_secrets_in_error
from emollama_hf.engines.start_process import end_with_parent, without_main
from emollama_hf.frames.faces.picture_exchange import ReaderConnection, listening_socket

#: Readers send whole frames with a long side of 640 pixels; kernels of this size are ready before the first one comes.
_FIRST_SIZE = (384, 640, 3)


class SearchesSeveral(Protocol):
    """Finds the faces of several pictures; `TorchYunet` does."""

    def rows_of_each(self, pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """The rows of each picture, as `FaceNetwork.rows` has them."""
        ...


class DetectorProcess:
    """A process with YuNet on a torch device, and a CUDA context if that is a GPU.

    Readers that use `address` find faces there; they may start before it is ready. It ends with this process, and a
    reader that is killed takes nothing with it. If it dies, what its readers ask for next is a ModelError; readers that
    were not told to use a GPU search on their CPUs from then on.

    Args:
        device: such as "cuda:0" or "cpu".

    Raises:
        OSError: the system starts no more processes, or has no memory or open files for one.
    """

    def __init__(self, device: str) -> None:
        listener, self.address = listening_socket()
        context: Any = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_find_faces, args=(listener, device), name="faces", daemon=True)
        with listener, without_main():
            self._process.start()

    @property
    def pid(self) -> int:
        """Its number for the operating system."""
        number: int = self._process.pid
        return number

    def close(self) -> None:
        """End it. Readers have ended before."""
        self._process.kill()
        self._process.join()


def serve(listener: socket.socket, network: SearchesSeveral) -> None:
    """Answer readers for ever. An error of the network is the answer to all whose pictures it was given.

    Args:
        listener: of `listening_socket`.
        network: searches the pictures that wait.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while True:
            waiting: list[tuple[ReaderConnection, NDArray[np.uint8]]] = []
            events = selector.select()
            while events:  # all who have asked by now, but nobody is waited for
                waiting += _received(listener, selector, [key for key, _ in events])
                events = selector.select(0)
            if not waiting:
                continue
            answers: Sequence[NDArray[np.float32] | str]
            try:
                answers = network.rows_of_each([picture for _, picture in waiting])
            except Exception as error:
                answers = [f"finding faces failed: {without_secrets_in_error(error)}"] * len(waiting)
            for (reader, _), answer in zip(waiting, answers, strict=True):
                reader.answer(answer)


def _received(
    listener: socket.socket, selector: selectors.BaseSelector, ready: Sequence[selectors.SelectorKey]
) -> Iterator[tuple[ReaderConnection, NDArray[np.uint8]]]:
    """Readers with the pictures that they have sent; who comes and goes meanwhile is seen to."""
    for key in ready:
        if key.data is None:
            with suppress(PermissionError, ConnectionError):
                reader = ReaderConnection(listener.accept()[0])
                selector.register(reader.socket, selectors.EVENT_READ, reader)
            continue
        try:
            yield key.data, key.data.receive()
        except (EOFError, OSError, ValueError):  # it has ended, or is no reader
            selector.unregister(key.fileobj)
            key.data.close()


class _Failed:
    """Stands for a network that could not be loaded, so that readers are told why."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def rows_of_each(self, pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        raise self._error


def _find_faces(listener: socket.socket, device: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends this process
    threading.Thread(target=end_with_parent, daemon=True).start()
    network: SearchesSeveral
    try:
        from emollama_hf.frames.faces.torch_yunet import TorchYunet

        prepare_to_compute()
        network = TorchYunet(device)
        network.rows_of_each([np.zeros(_FIRST_SIZE, np.uint8)])
    except Exception as error:
        network = _Failed(error)
    serve(listener, network)
