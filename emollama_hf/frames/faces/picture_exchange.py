"""Pictures for a detector process, and the faces that it finds in them: memory that both see, and short messages.

A message is either sent as a whole or not at all, so that a process which is killed leaves no half of one. The memory
has no name, and goes with the last process that has it. Linux alone has both.
"""

from __future__ import annotations

import mmap
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from emollama_hf.errors import ModelError
from emollama_hf.frames.faces.face_network import opencv_network
from emollama_hf.frames.faces.face_rows import COLUMNS

DETECTOR_DIED = "the process that finds faces on the GPU died (often a lack of memory)"
_NEXT_STEP = "What was computed before is kept: run the same again, perhaps with detector='cpu' (--detector cpu)."
#: Smaller pictures are searched by the reader itself. OpenCV takes 2.6 ms of a core for 256 x 256 pixels and 1 ms for
#: 160 x 160. Passing a picture on and back costs a reader 0.1 ms, but then it waits for some 75 launches and for the
#: pictures of others, and does not decode meanwhile (benchmarks/README.md, "Faces on a GPU").
SMALLEST_PIXELS = 256 * 256

#: Height and width of a picture; bytes of the memory if it comes with this message, else 0.
_REQUEST = struct.Struct("<iiq")
#: Number of rows, or _FAILED, with the error's text behind it.
_ANSWER = struct.Struct("<i")
_FAILED = -1
_MOST_TEXT = 4000
_ROW_BYTES = COLUMNS * np.dtype(np.float32).itemsize
_CREDENTIALS = struct.Struct("iii")  # process, user, group

Picture = NDArray[np.uint8]
Rows = NDArray[np.float32]


def is_possible() -> bool:
    """Whether this system has what pictures are exchanged with."""
    return all(hasattr(module, name) for module, name in ((os, "memfd_create"), (socket, "SO_PEERCRED")))


def listening_socket() -> tuple[socket.socket, str]:
    """A socket for readers to connect to, and its address."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    address = f"\0emollama_hf-{os.urandom(16).hex()}"  # no file, so that none is left behind
    listener.bind(address)
    listener.listen()
    return listener, address


class ServedNetwork:
    """The `FaceNetwork` of a detector process, for one thread of a reader.

    Args:
        address: of `listening_socket`.
        smallest_pixels: of a picture that is sent; smaller ones are searched by OpenCV here. None: `SMALLEST_PIXELS`.
        give_up: told why the process finds nothing more, after which OpenCV searches all pictures here. None: that is
            an error.
    """

    def __init__(
        self, address: str, smallest_pixels: int | None = None, give_up: Callable[[str], None] | None = None
    ) -> None:
        self._address = address
        self._give_up, self._gave_up = give_up, False
        self._smallest = SMALLEST_PIXELS if smallest_pixels is None else smallest_pixels
        self._connection: socket.socket | None = None
        self._memory: mmap.mmap | None = None

    def rows(self, bgr: Picture) -> Rows:
        """See `FaceNetwork.rows`.

        Raises:
            ModelError: the process died, or its network failed, and there is no `give_up`.
        """
        if self._gave_up or bgr.shape[0] * bgr.shape[1] < self._smallest:
            return opencv_network().rows(bgr)
        try:
            return self._ask(bgr)
        except (OSError, EOFError, ModelError) as error:
            reason = str(error) if isinstance(error, ModelError) else DETECTOR_DIED
            if self._give_up is None:
                raise ModelError(f"{reason}. {_NEXT_STEP}") from error
            self._give_up(reason)
        self._gave_up, self._connection, self._memory = True, None, None
        return opencv_network().rows(bgr)

    def _ask(self, bgr: Picture) -> Rows:
        if self._connection is None:
            self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._connection.connect(self._address)
        height, width, _ = bgr.shape
        if self._memory is not None and len(self._memory) >= bgr.nbytes:
            self._write(self._memory, bgr)
            self._connection.sendall(_REQUEST.pack(height, width, 0))
        else:
            # Room for as many rows as there are positions, which is less than the picture takes with padded sides.
            size = 3 * (height + 31) * (width + 31)
            file = os.memfd_create("picture")
            try:
                os.truncate(file, size)
                self._memory = mmap.mmap(file, size)
                self._write(self._memory, bgr)
                socket.send_fds(self._connection, [_REQUEST.pack(height, width, size)], [file])
            finally:
                os.close(file)
        answer = self._connection.recv(_ANSWER.size + _MOST_TEXT)
        if not answer:
            raise EOFError
        (count,) = _ANSWER.unpack_from(answer)
        if count == _FAILED:
            raise ModelError(answer[_ANSWER.size :].decode(errors="replace").rstrip("."))
        return np.frombuffer(self._memory, np.float32, count * COLUMNS).reshape(count, COLUMNS).copy()

    @staticmethod
    def _write(memory: mmap.mmap, bgr: Picture) -> None:
        np.frombuffer(memory, np.uint8, bgr.size).reshape(bgr.shape)[...] = bgr


class ReaderConnection:
    """A detector process's end of a reader's connection.

    Args:
        connection: as the listening socket has accepted it.

    Raises:
        PermissionError: the other end is a process of another user.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._memory: mmap.mmap | None = None
        sent = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        if _CREDENTIALS.unpack(sent)[1] != os.getuid():
            connection.close()
            raise PermissionError("a process of another user has asked for faces")

    def receive(self) -> Picture:
        """The picture that the reader waits for, (H, W, 3) uint8 BGR, in memory that the answer overwrites.

        Raises:
            EOFError: the reader has ended.
            OSError, ValueError: what it has sent is no picture.
        """
        message, files, *_ = socket.recv_fds(self.socket, _REQUEST.size, 1)
        try:
            if not message:
                raise EOFError
            try:
                height, width, size = _REQUEST.unpack(message)
            except struct.error as error:
                raise ValueError("a message of another length") from error
            if size:
                self._memory = mmap.mmap(files[0], size) if files else None
        finally:
            for file in files:
                os.close(file)
        if self._memory is None or min(height, width) < 1 or 3 * height * width > len(self._memory):
            raise ValueError(f"no memory for {height} x {width} pixels")
        return np.frombuffer(self._memory, np.uint8, 3 * height * width).reshape(height, width, 3)

    def answer(self, rows: Rows | str) -> None:
        """Send the rows of the picture, or why there are none. A reader that has ended meanwhile is left alone."""
        with suppress(OSError):
            if isinstance(rows, str):
                self.socket.sendall(_ANSWER.pack(_FAILED) + rows.encode(errors="replace")[:_MOST_TEXT])
                return
            assert self._memory is not None
            np.frombuffer(self._memory, np.float32, rows.size)[...] = rows.ravel()
            self.socket.sendall(_ANSWER.pack(len(rows)))

    def close(self) -> None:
        """Let the reader go; its memory goes with it."""
        self.socket.close()
        self._memory = None
