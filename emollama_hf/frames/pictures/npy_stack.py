"""A `.npy` file of pictures, read frame by frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emollama_hf.errors import ClipError


class NpyStack:
    """The array of a `.npy` file, of which one frame at a time is in memory.

    The file is mapped anew for each access: pages of a lasting map would stay counted as this process's memory.
    Raises ClipError("bad_frames") for what is no `.npy` file of a plain array as large as its header says.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        mapped = self._map()
        self.shape, self.dtype, self.ndim = mapped.shape, mapped.dtype, mapped.ndim

    def __len__(self) -> int:
        return int(self.shape[0]) if self.ndim else 0

    def __getitem__(self, number: int) -> NDArray[Any]:
        return np.array(self._map()[number])

    def _map(self) -> NDArray[Any]:
        try:
            mapped = np.load(self._path, mmap_mode="r", allow_pickle=False)
        except (ArithmeticError, AttributeError, EOFError, MemoryError, OSError, RecursionError, SyntaxError, TypeError,
                ValueError) as error:  # fmt: skip  # the header is a Python literal, and numpy believes its numbers
            raise _not_an_array((str(error).strip().splitlines() or [type(error).__name__])[0]) from error
        if not isinstance(mapped, np.ndarray):  # a zip archive: numpy opens it under any name
            mapped.close()
            raise _not_an_array("a zip archive, as numpy.savez writes it")
        return mapped


def _not_an_array(reason: str) -> ClipError:
    return ClipError("bad_frames", f"not a .npy file of numbers ({reason}). Write it with numpy.save(path, array).")
