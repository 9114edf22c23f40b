"""A folder of `{name}.npy`: its headers read and compared, its values checked when they are loaded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dataset_scripts.clip_folder import check_folder, check_inside, check_utf8
from emollama_hf.errors import SourceError
from emollama_hf.extraction.clip_names import as_read
from emollama_hf.text.few_of_many import few_and_more

Kind = Literal["stack", "vector", "states"]

#: What one file of each kind may hold.
SHAPES: dict[Kind, str] = {
    "stack": "(T, H, W, 3) uint8 or float",
    "vector": "(D,) or (1, D) float",
    "states": "(L, H), (1, L, H) or (H,) float",
}


@dataclass(frozen=True)
class ArrayFolder:
    """files: path by name. shape: of every file, without a batch axis of 1; () for stacks, which differ in it."""

    kind: Kind
    files: dict[str, Path]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def load(self, name: str, dtype: str) -> np.ndarray | None:
        """The array of a name as `dtype`; None if there is no such file.

        Raises SourceError if the file changed its shape, or holds NaN, infinity or a value too large for `dtype`.
        """
        path = self.files.get(name)
        if path is None:
            return None
        array = _open(path)
        if row_shape(self.kind, array.shape) != self.shape:
            raise SourceError(f"{path}: has the shape {array.shape} now; expected {self.shape}. Run it again.")
        if not np.isfinite(array).all():
            count = int((~np.isfinite(array)).sum())
            raise SourceError(
                f"{path}: holds NaN or infinite values in {count} of {array.size} places; expected finite numbers. "
                "Compute this file again, or remove it."
            )
        with np.errstate(over="ignore"):
            stored = np.array(array, dtype).reshape(self.shape)
        if not np.isfinite(stored).all():
            remedy = 'Pass store_dtype="float32" (--store-dtype float32).' if dtype == "float16" else "Mend the file."
            raise SourceError(
                f"{path}: holds {np.abs(array).max():.3g}, which {dtype} cannot (at most {np.finfo(dtype).max:.3g}). "
                + remedy
            )
        return stored


def read_array_folder(folder: Path, kind: Kind, *, follow_links: bool = False) -> ArrayFolder:
    """The `.npy` files of a folder (not of its subfolders; hidden ones are left out), all of one shape and dtype.

    Only headers are read, and nothing is ever unpickled.
    Raises SourceError: no such folder, no files, a file that is no array of this kind, or unlike most of the others.
    """
    check_folder(folder)
    paths = sorted(p for p in folder.iterdir() if p.suffix == ".npy" and not p.name.startswith(".") and p.is_file())
    if not paths:
        deeper = next((path for path in folder.rglob("*.npy") if not path.name.startswith(".")), None)
        hint = "" if deeper is None else f" There are some in {deeper.parent}: name that folder."
        raise SourceError(f"{folder}: holds no files named *.npy.{hint}")
    check_inside(folder, paths, follow_links)
    check_utf8(folder, [path.name for path in paths])
    files: dict[str, Path] = {}
    found: dict[Path, tuple[tuple[int, ...], np.dtype[Any]]] = {}
    for path in paths:
        name = as_read(path.stem)
        if name in files:
            raise SourceError(
                f"{folder}: the name {name!r} is there in two Unicode spellings. Remove one of the files."
            )
        files[name] = path
        found[path] = _header(path, kind)
    usual, _ = Counter(found.values()).most_common(1)[0]
    strange = [f"{path.name} {shape} {dtype}" for path, (shape, dtype) in found.items() if (shape, dtype) != usual]
    if strange:
        raise SourceError(
            f"{folder}: {len(strange)} of {len(paths)} files differ from {usual[0]} {usual[1]}: "
            f"{few_and_more(strange)}. Compute them alike, or move them to a folder of their own."
        )
    return ArrayFolder(kind, files, *usual)


def row_shape(kind: Kind, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape of one row for a file of this shape; None if no file of this kind has it."""
    if 0 in shape:
        return None
    if kind == "stack":
        return () if len(shape) == 4 and shape[3] == 3 else None
    if kind == "vector":
        return shape[-1:] if len(shape) == 1 or (len(shape) == 2 and shape[0] == 1) else None
    if len(shape) == 3 and shape[0] == 1:
        return shape[1:]
    return shape if len(shape) in (1, 2) else None


def _header(path: Path, kind: Kind) -> tuple[tuple[int, ...], np.dtype[Any]]:
    array = _open(path)
    shape = row_shape(kind, array.shape)
    floats = array.dtype.kind == "f" and array.dtype.itemsize <= 8
    if shape is None or not (floats or (kind == "stack" and array.dtype == np.uint8)):
        raise SourceError(
            f"{path}: an array of shape {array.shape} and type {array.dtype}; expected {SHAPES[kind]}. Compute this "
            "file again, or remove it."
        )
    return shape, array.dtype.newbyteorder("=")


def _open(path: Path) -> np.ndarray:
    """The array of a file, mapped. Raises SourceError; a file of Python objects is refused unread."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise SourceError(
            f"{path}: is no .npy file of numbers ({' '.join(str(error).split())}). Write it with "
            "numpy.save(path, array), or remove it."
        ) from error
    if not isinstance(array, np.ndarray):
        raise SourceError(f"{path}: is an archive of arrays (.npz); expected one array. Save each as its own .npy.")
    return array
