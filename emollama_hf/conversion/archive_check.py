"""What a checkpoint file would unpack to, looked at before anything of it is unpacked.

A list of what `torch.save` writes, so that no other archive reaches the reader: entries stored as they are, each once,
inside the file, and a pickle of a size and with globals that weights need.
"""

from __future__ import annotations

import pickletools
import zipfile
from pathlib import Path
from typing import IO

from emollama_hf.errors import ModelError

#: Bytes of a pickle: tensors take about 300 each in it, their values lie outside. Unpickled it may take 60 times that.
MAX_PICKLE_BYTES = 32 * 2**20
MAX_ENTRIES = 100_000
#: Bytes of an archive's entries beside the tensors' values: its version, byte order and the like.
_MAX_SMALL_BYTES = 4096
_LOCAL_HEADER = 30  # bytes, before the name
#: Globals that torch would call with any arguments, and no checkpoint needs: `bytearray(10 ** 12)`.
_NEEDLESS = frozenset({"builtins.bytearray", "__builtin__.bytearray"})


def check_archive(path: Path) -> None:
    """Raise ModelError for a zip archive that `torch.save` does not write.

    Reads the list of entries, their headers and the pickle, and unpacks nothing.
    """
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file:
            _check_entries(archive, file, path)
            pickles = [entry for entry in archive.infolist() if _is_pickle(entry.filename)]
            if len(pickles) != 1:
                raise ModelError(_refused(path, f"{len(pickles)} entries named data.pkl, expected one"))
            file.seek(_content_start(pickles[0], file))
            check_pickle(file, path, pickles[0].file_size)
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, OverflowError, ValueError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(_refused(path, str(error) or type(error).__name__)) from error


def _check_entries(archive: zipfile.ZipFile, file: IO[bytes], path: Path) -> None:
    entries = archive.infolist()
    end = path.stat().st_size
    if len(entries) > MAX_ENTRIES:
        raise ModelError(_refused(path, f"{len(entries):,} entries, expected at most {MAX_ENTRIES:,}"))
    if len({entry.filename.lower() for entry in entries}) < len(entries):
        raise ModelError(_refused(path, "two entries of one name"))
    if archive.comment:
        raise ModelError(_refused(path, "a comment, which hides where its list of entries begins"))
    if sum(entry.file_size for entry in entries) > end:
        raise ModelError(_refused(path, "entries that are larger than the file"))
    for entry in entries:
        name, size = entry.filename, entry.file_size
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != size or entry.flag_bits & 1:
            raise ModelError(_refused(path, f"{name} compressed or encrypted, expected it as it is"))
        header = _read_at(file, entry.header_offset, _LOCAL_HEADER)
        # The list of entries may say one thing, and the entry another: readers differ in which of them they believe.
        if header[:4] != b"PK\x03\x04" or header[8:10] != b"\0\0":
            raise ModelError(_refused(path, f"{name} at a position where no uncompressed entry begins"))
        start = _content_start(entry, file)
        if start + size > end:
            raise ModelError(_refused(path, f"{name} beyond the end of the file"))
        limit = MAX_PICKLE_BYTES if name.endswith(".pkl") else _MAX_SMALL_BYTES
        if size > limit and not _holds_values(name):
            raise ModelError(_refused(path, f"{name} of {size:,} bytes, expected at most {limit:,}"))


def _content_start(entry: zipfile.ZipInfo, file: IO[bytes]) -> int:
    header = _read_at(file, entry.header_offset, _LOCAL_HEADER)
    lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    return entry.header_offset + _LOCAL_HEADER + lengths


def _read_at(file: IO[bytes], position: int, size: int) -> bytes:
    file.seek(position)
    return file.read(size)


def _is_pickle(name: str) -> bool:
    folder, _, inner = name.partition("/")
    return bool(folder) and inner == "data.pkl"


def _holds_values(name: str) -> bool:
    folder, _, inner = name.partition("/")
    return bool(folder) and inner.startswith("data/")


def check_old_pickles(path: Path) -> None:
    """Raise ModelError if what a file from before PyTorch 1.6 has before its tensors' values is too large a pickle.

    Such a file begins with three small pickles (a magic number, a version, the system), and the checkpoint's.
    """
    with path.open("rb") as file:
        for _ in range(4):
            check_pickle(file, path, path.stat().st_size)


def check_pickle(file: IO[bytes], path: Path, size: int) -> None:
    """Raise ModelError unless the pickle at the file's position ends within bounds and calls nothing needless.

    Leaves the file at the end of the pickle. A pickle that is damaged is left to the reader, which says so better.
    """
    if size > MAX_PICKLE_BYTES:
        size = MAX_PICKLE_BYTES + 1
    start = file.tell()
    names: list[str] = []
    try:
        for opcode, argument, position in pickletools.genops(_Bounded(file, size)):  # type: ignore[arg-type]
            if opcode.name == "STOP":
                break
            found = _global_of(opcode.name, argument, names)
            if found in _NEEDLESS:
                raise ModelError(_refused(path, f"{found}, which no checkpoint needs"))
            if position is not None and position - start > MAX_PICKLE_BYTES:
                break
    except ModelError:
        raise
    except Exception:
        pass  # damaged, as pickletools says in many ways; nothing is unpacked beyond the damage
    if file.tell() - start > MAX_PICKLE_BYTES:
        raise ModelError(_refused(path, f"a pickle of more than {MAX_PICKLE_BYTES:,} bytes"))


class _Bounded:
    """A file of which at most `size` bytes can be read."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data

    def readline(self) -> bytes:
        line = self._file.readline(self._left)
        self._left -= len(line)
        return line

    def tell(self) -> int:
        return self._file.tell()


def _global_of(opcode: str, argument: object, names: list[str]) -> str | None:
    """The global that an opcode loads, as "module.name". names: texts so far, of which STACK_GLOBAL takes the last."""
    if opcode == "GLOBAL":
        return str(argument).replace(" ", ".")
    if opcode == "STACK_GLOBAL":
        return ".".join(names[-2:])
    if isinstance(argument, str):
        names.append(argument)
        del names[:-2]
    return None


def _refused(path: Path, found: str) -> str:
    return (
        f"{path} ({path.stat().st_size:,} bytes): not what torch.save writes of a checkpoint; it has {found}. Nothing "
        "of it was unpacked. Give the file as its authors published it, fetched again if need be."
    )
