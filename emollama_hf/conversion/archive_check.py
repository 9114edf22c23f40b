"""What a checkpoint file would unpack to, looked at before anything of it is unpacked.

A list of what `torch.save` writes, so that no other archive reaches the reader: entries stored as they are, each once,
inside the file, and a pickle that `pickle_check` finds to be one of weights.

`torch.load(weights_only=True)` bounds neither the size nor the depth of what it unpacks; picklescan and fickling look
for dangerous calls, and say nothing of archives that two readers read differently.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO

from emollama_hf.conversion.pickle_check import MAX_PICKLE_BYTES, CodeInPickle, PickleBudget
from emollama_hf.errors import ModelError

MAX_ENTRIES = 100_000
#: Bytes of an archive's entries beside the tensors' values: its version, byte order and the like.
_MAX_SMALL_BYTES = 4096
_LOCAL_HEADER = 30  # bytes, before the name


def is_archive(path: Path) -> bool:
    """Whether a file is a zip archive. Raises ModelError for one whose list of entries is damaged."""
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile as error:
        raise ModelError(_refused(path, str(error))) from error


def check_archive(path: Path) -> None:
    """Check that a zip archive is one that `torch.save` writes: its list of entries, their headers, its pickle.

    Args:
        path: of the archive, of which nothing is unpacked.

    Raises:
        ModelError: it is not, or its pickle is not one of weights.
    """
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file:
            _check_entries(archive, file, path)
            pickles = [entry for entry in archive.infolist() if _is_pickle(entry.filename)]
            if len(pickles) != 1:
                raise ModelError(_refused(path, f"{len(pickles)} entries named data.pkl, expected one"))
            file.seek(_content_start(pickles[0], file))
            check_pickle(file, path, pickles[0].file_size, PickleBudget())
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
        if not 0 <= entry.header_offset <= end:
            raise ModelError(_refused(path, f"{name} at a position outside of the file"))
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
    """Check the pickles of a file from before PyTorch 1.6.

    Such a file begins with three small pickles (a magic number, a version, the system), the checkpoint's, and one with
    the keys of its tensors' values, which follow.

    Args:
        path: of the file, of which nothing is unpacked.

    Raises:
        ModelError: they are more than a checkpoint needs.
    """
    budget = PickleBudget()
    with path.open("rb") as file:
        for _ in range(5):
            check_pickle(file, path, path.stat().st_size, budget)


def check_pickle(file: IO[bytes], path: Path, size: int, budget: PickleBudget) -> None:
    """Check the pickle at the file's position, and leave the file at the end of it.

    Args:
        file: opened for reading bytes.
        path: of the file, for errors.
        size: most bytes that the pickle may have.
        budget: what is left of the file's budget, which shrinks.

    Raises:
        ModelError: the pickle is beyond the budget, or loads code.
    """
    try:
        fault = budget.fault(file, size)
    except CodeInPickle as error:
        raise ModelError(holds_code(path, str(error))) from None
    if fault is not None:
        raise ModelError(_refused(path, fault))


def holds_code(path: Path, name: str) -> str:
    """What is said of a file that loads something by name that is no data."""
    return (
        f"{path} holds {name}, which is code and not data: it could run anything, and was not loaded. "
        "Expected tensors, containers, numbers, text and argparse.Namespace only. Get the file from its authors, "
        "or, if you trust it, load it with torch.load(FILE, weights_only=False) and save its weights alone: "
        "torch.save(model.state_dict(), NEW), or of a dict torch.save(loaded['state_dict'], NEW)."
    )


def _refused(path: Path, found: str) -> str:
    return (
        f"{path} ({path.stat().st_size:,} bytes): not what torch.save writes of a checkpoint; it has {found}. Nothing "
        "of it was unpacked. Give the file as its authors published it, fetched again if need be."
    )
