"""What a process computed for another one of its machine, in memory that both map: it is written once, and not copied.

    receiver: memory without a name ─► sender opens it, writes a pickle and its arrays ─► receiver maps it

Only sizes travel through a pipe. The memory belongs to the receiver, has no name in any file system, is not counted to
/dev/shm, and is gone with its last user: nothing is left behind, whichever of the two is killed. Each value that came
so keeps a file of the receiver open while it is in use. Linux has such memory (memfd); elsewhere, and where a sender
cannot open it, messages travel whole.
"""

from __future__ import annotations

import mmap
import os
import pickle
from collections.abc import Sequence
from typing import Any, NamedTuple

#: Smaller messages are sent sooner than memory is mapped.
LEAST_BYTES = 65_536
#: Arrays begin at multiples of this, as numpy and Arrow like them to.
ALIGNMENT = 64


class Address(NamedTuple):
    """Where a sender finds the memory: an open file of a process.

    Attributes:
        process, file: numbers of the process and of its open file.
        device, inode: of that file. The number may be another file's by the time a sender opens it.
    """

    process: int
    file: int
    device: int
    inode: int

    def opened(self) -> int:
        """The file, opened by another process.

        Raises:
            OSError: it cannot be opened, or is another one by now.
        """
        file = os.open(f"/proc/{self.process}/fd/{self.file}", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        found = os.fstat(file)
        if (found.st_dev, found.st_ino, found.st_size) != (self.device, self.inode, 0):
            os.close(file)
            raise OSError("the memory for it is gone")
        return file


class Message(NamedTuple):
    """What is sent for a value.

    Attributes:
        sizes: bytes of the pickle and of each buffer beside it, in the memory one after the other; empty for a message
            that is `whole`.
        whole: the pickle with all that is in it.
        problem: why the memory could not be used, where it was to be.
    """

    sizes: tuple[int, ...]
    whole: bytes = b""
    problem: str = ""


class MessageMemory:
    """Memory for one message to this process.

    Raises:
        OSError: the system gives none: it has no such memory, or too many files are open.

    Example:
        >>> memory = MessageMemory()
        >>> memory.received(packed(crops, memory.address)).shape  # `packed` may run in another process
        (16, 224, 224, 3)
    """

    _file = -1

    def __init__(self) -> None:
        if not hasattr(os, "memfd_create"):
            raise OSError("this system has no memory that is shared without a name")
        self._file = os.memfd_create("emollama_hf message")
        found = os.fstat(self._file)
        self.address = Address(os.getpid(), self._file, found.st_dev, found.st_ino)

    def received(self, message: Message) -> Any:
        """The value that was sent; its arrays lie in the memory, which is given back when the last of them goes.

        Raises:
            OSError: the memory cannot be mapped.
        """
        if not message.sizes:
            return unpacked(message)
        whole = memoryview(mmap.mmap(self._file, _end(message.sizes)))
        starts = _starts(message.sizes)
        parts = [whole[start : start + size] for start, size in zip(starts, message.sizes, strict=True)]
        return pickle.loads(parts[0], buffers=parts[1:])

    def close(self) -> None:
        """Let go of the memory; values that were received keep theirs."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __del__(self) -> None:
        self.close()


def packed(value: Any, to: Address | None) -> Message:
    """A value as a message, written to the memory at `to` if it is large; whole if that cannot be, or `to` is None."""
    buffers: list[pickle.PickleBuffer] = []
    head = memoryview(pickle.dumps(value, protocol=5, buffer_callback=buffers.append))
    parts = [head, *(buffer.raw() for buffer in buffers)]  # bytes, one after the other
    sizes = tuple(part.nbytes for part in parts)
    problem = ""
    if to is not None and sum(sizes) >= LEAST_BYTES:
        try:
            _write(to, parts, sizes)
            return Message(sizes)
        except OSError as error:
            problem = error.strerror or str(error)
    return Message((), pickle.dumps(value, protocol=5), problem)


def unpacked(message: Message) -> Any:
    """The value of a message that is whole."""
    return pickle.loads(message.whole)


def _write(to: Address, parts: Sequence[memoryview], sizes: Sequence[int]) -> None:
    file = to.opened()
    try:
        os.ftruncate(file, _end(sizes))
        for start, part in zip(_starts(sizes), parts, strict=True):
            written = 0
            while written < part.nbytes:
                written += os.pwrite(file, part[written:], start + written)
    finally:
        os.close(file)


def _starts(sizes: Sequence[int]) -> list[int]:
    starts, end = [], 0
    for size in sizes:
        starts.append(end)
        end += -(size // -ALIGNMENT) * ALIGNMENT
    return starts


def _end(sizes: Sequence[int]) -> int:
    return _starts(sizes)[-1] + max(1, sizes[-1])
