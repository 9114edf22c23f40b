"""Files that are read whole are regular and bounded: nothing waits for a pipe, and no device fills the memory."""

from __future__ import annotations

import ast
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import emollama_hf
from emollama_hf.commands import key_secret
from emollama_hf.commands.key_secret import read_secret
from emollama_hf.conversion.pickle_file import read_checkpoint
from emollama_hf.encoders.emotion_llama.tokenizer import LlamaTokenizer
from emollama_hf.errors import ClipError, ModelError, ShareError, SourceError
from emollama_hf.feature_set.manifest import ManifestError, read_manifest
from emollama_hf.feature_set.row_notes import DamagedNotes, RowNote, note_rows, read_notes
from emollama_hf.files import digest
from emollama_hf.files.small_file import OddFileError, open_regular, read_small
from emollama_hf.files.strict_json import read_object
from emollama_hf.files.tables import read_table
from emollama_hf.files.written_file import hashes_of
from emollama_hf.frames.peak.peak import openface_peak
from emollama_hf.privacy.scan import scan_file
from emollama_hf.sharing.names.names_table import read_names
from emollama_hf.tensors.safetensors_header import read_safetensors_header
from emollama_hf.tensors.strict_load import check_not_pointer
from emollama_hf.work_store.shard import DamagedShard, Shard

PACKAGE = Path(emollama_hf.__file__).parent

#: Modules that open files by other means, and why none of these is a file from elsewhere.
OWN_OPENING = {
    "computing/available_memory.py": "what the kernel says",
    "commands/doctor.py": "the checkout that the program runs from",
    "frames/demo_clips.py": "data of the package",
    "frames/peak/expression.py": "data of the package",
    "frames/faces/yunet_file.py": "data of the package",
    "engines/message_memory.py": "memory that the receiver made and named by its process and number",
    "commands/key_secret.py": "pipes are meant there",
    "conversion/archive_check.py": "checkpoints, of which check_not_pointer has found that they are regular files",
    "conversion/pickle_file.py": "the same",
    "files/small_file.py": "the function itself",
    "stages/plugin_origin.py": "metadata of installed distributions, by importlib",
}


def readings(path: Path) -> list[str]:
    """Calls in a module that open a file for reading, or read one."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        texts = [ast.unparse(argument) for argument in (*node.args, *(word.value for word in node.keywords))]
        called = ast.unparse(node.func)
        modes = [text for text in texts if text in ("'r'", "'rb'", "'rt'")]
        if called.endswith((".read_text", ".read_bytes", ".load_txt", ".fromfile")) or called == "os.open":
            found.append(f"{called}({', '.join(texts)})")
        elif called == "open" or (called.endswith(".open") and isinstance(node.func, ast.Attribute)):
            writes = any(text.strip("'\"") in ("w", "wb", "x", "xb", "a", "ab") for text in texts)
            system = called.startswith(("fsspec.", "system.", "self._system.", "place.", "av.", "Image.", "Shard."))
            if not writes and not system and (called == "open" or modes or "encoding=" in ast.unparse(node)):
                found.append(f"{called}({', '.join(texts)})")
    return [one for one in found if "O_WRONLY" not in one and one != "os.open(folder, os.O_RDONLY)"]


def test_every_module_opens_files_in_the_one_place() -> None:
    modules = {path.relative_to(PACKAGE).as_posix(): readings(path) for path in sorted(PACKAGE.rglob("*.py"))}
    assert {name: found for name, found in modules.items() if found and name not in OWN_OPENING} == {}
    assert len(readings(PACKAGE / "computing/available_memory.py")) > 2  # it does see what it looks for


#: Each function that reads a file of this machine, with the error that it ends in.
READERS: dict[str, tuple[Callable[[Path], object], type[Exception]]] = {
    "small file": (read_small, OddFileError),
    "opened file": (open_regular, OddFileError),
    "json": (read_object, OddFileError),
    "labels": (read_table, SourceError),
    "hash": (digest.hash_file, OddFileError),
    "written file": (hashes_of, OddFileError),
    "weights": (check_not_pointer, ModelError),
    "header": (read_safetensors_header, OddFileError),
    "names": (read_names, ShareError),
    "scan": (lambda path: scan_file(path, "a.png"), OddFileError),
    "secret": (read_secret, ShareError),
    "manifest": (lambda path: read_manifest(path.parent), ManifestError),
    "notes": (lambda path: read_notes(path.parent), DamagedNotes),
    "shard": (lambda path: Shard.open(path.parent), DamagedShard),
    "openface": (lambda path: openface_peak(path.parent, "clip.mp4", 3), ClipError),
}
NAMES = {"manifest": "provenance.json", "notes": "row_keys.json", "shard": "manifest.json", "openface": "clip.csv"}


@pytest.mark.parametrize("kind", ["pipe", "link to a pipe", "device", "endless device", "socket"])
@pytest.mark.parametrize("reader", READERS)
def test_no_reader_waits_or_reads_without_end(
    tmp_path: Path, reader: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, error = READERS[reader]
    path = tmp_path / NAMES.get(reader, "file")
    if "pipe" in kind:
        pipe = path if kind == "pipe" else tmp_path / "pipe"
        os.mkfifo(pipe)
        if pipe != path:
            path.symlink_to("pipe")
    elif kind == "socket":
        monkeypatch.chdir(tmp_path)  # the name of a socket is short
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    else:
        path.symlink_to("/dev/null" if kind == "device" else "/dev/zero")
    begin = time.monotonic()
    with pytest.raises(error) as raised:
        read(path)
    assert time.monotonic() - begin < 5
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 600


@pytest.mark.parametrize("reader", [name for name in READERS if name not in NAMES])
@pytest.mark.parametrize("name", ["a\0b", "a\ud800b"])
def test_a_path_that_no_file_can_have_is_an_error_of_this_package(reader: str, name: str) -> None:
    read, error = READERS[reader]
    with pytest.raises(error):
        read(Path(name))


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_small(path, at_most=5) == b"12345"
    with pytest.raises(OddFileError, match="5 bytes, expected at most 4"):
        read_small(path, at_most=4)
    os.truncate(path, 2**42)
    with pytest.raises(OddFileError, match="expected at most"):
        read_small(path)


def test_what_has_no_size_is_bounded_as_it_is_read() -> None:
    with pytest.raises(OddFileError, match="expected at most 10"):
        read_small("/proc/self/status", at_most=10)


def test_links_to_files_are_followed_and_folders_and_missing_files_are_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    assert read_small(tmp_path / "link") == b"x"
    with pytest.raises(IsADirectoryError):
        read_small(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_small(tmp_path / "nothing")


def test_notes_replace_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "row_keys.json")
    note_rows(tmp_path, {"a": [RowNote(("k",))]})
    assert read_notes(tmp_path) == {"a": [RowNote(("k",))]}


def test_a_checkpoint_or_tokenizer_that_is_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.pth")
    os.mkfifo(tmp_path / "tokenizer.model")
    with pytest.raises(ValueError, match="a pipe, expected a file"):
        read_checkpoint(tmp_path / "a.pth")
    with pytest.raises(ValueError, match="tokenizer"):
        LlamaTokenizer(tmp_path)


def write_to(pipe: Path, *pieces: bytes) -> threading.Thread:
    def write() -> None:
        with pipe.open("wb", buffering=0) as file:
            for piece in pieces:
                file.write(piece)
                time.sleep(0.05)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    return writer


def test_a_secret_may_come_from_a_pipe(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b" a long secret\n")
    os.close(writing)
    assert read_secret(Path(f"/dev/fd/{reading}")) == "a long secret"
    os.close(reading)


def test_a_secret_of_a_pipe_is_bounded_in_bytes_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ShareError, match="the secret is empty"):
        read_secret(tmp_path / "pipe")  # nobody writes
    monkeypatch.setattr(key_secret, "PIPE_S", 0.2)
    reading, writing = os.pipe()
    with pytest.raises(ShareError, match="did not end within"):
        read_secret(Path(f"/dev/fd/{reading}"))
    os.set_blocking(writing, False)
    os.write(writing, b"x" * 65536)
    writer = write_to(Path(f"/dev/fd/{writing}"), b"more")
    with pytest.raises(ShareError, match=r"more than|did not end"):
        read_secret(Path(f"/dev/fd/{reading}"))
    writer.join(5)
    os.close(reading)
    os.close(writing)
