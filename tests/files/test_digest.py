"""Large files are hashed once, by whichever process comes first, and again when they change."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emollama_hf.files import digest
from tests import second_process

ASK = """
import sys
from pathlib import Path
from emollama_hf.files import digest
path, digest.SETTLED_NS = Path(sys.argv[1]), int(sys.argv[2])
read, hash_file = [], digest.hash_file
digest.hash_file = lambda path: read.append(path) or hash_file(path)
print(digest.sha256_file(path) if path.is_file() else digest.folder_digest(path, "*.safetensors"), len(read))
"""


def asked_elsewhere(path: Path, home: Path, *, settled_ns: int = 0) -> tuple[str, int]:
    """The hash of a file, or of a folder's weights, as a new process tells it, and how many files it read for that."""
    done = second_process.run(ASK, path, str(settled_ns), environment={"HF_HOME": str(home)}, check=True)
    sha256, read = done.stdout.split()
    return sha256, int(read)


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def write_in_place(path: Path, content: bytes) -> None:
    """Other bytes in the same file, and the time of the last change as it was."""
    status = path.stat()
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (status.st_ino, status.st_mtime_ns)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(A)
    return path


A, B = b"a" * digest.REMEMBERED_BYTES, b"b" * digest.REMEMBERED_BYTES


def test_another_process_remembers_until_the_file_changes(large: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert asked_elsewhere(large, home) == (sha256_of(A), 1)
    assert asked_elsewhere(large, home) == (sha256_of(A), 0), "the note is read, and not the file"
    write_in_place(large, B)
    assert asked_elsewhere(large, home) == (sha256_of(B), 1), "size and time are as they were"
    large.write_bytes(B + b"b")
    assert asked_elsewhere(large, home) == (sha256_of(B + b"b"), 1)


@pytest.mark.parametrize("size", [1000, digest.REMEMBERED_BYTES])
def test_a_file_put_in_the_place_of_another_is_noticed(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digest, "SETTLED_NS", 0)
    path, other = tmp_path / "clip.mp4", tmp_path / "other.mp4"
    path.write_bytes(A[:size])
    other.write_bytes(B[:size])
    status = path.stat()
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert digest.sha256_file(path) == sha256_of(A[:size])
    other.replace(path)
    assert digest.sha256_file(path) == sha256_of(B[:size])


def test_what_one_process_has_hashed_is_noted_for_the_next(large: Path, tmp_path: Path) -> None:
    code = ("import sys; from pathlib import Path; from emollama_hf.files import digest; "
            "digest.remember(Path(sys.argv[1]), sys.argv[2])")  # fmt: skip
    second_process.run(code, large, sha256_of(A), environment={"HF_HOME": str(tmp_path / "home")}, check=True)
    assert asked_elsewhere(large, tmp_path / "home") == (sha256_of(A), 0)


@pytest.mark.parametrize("size", [1000, digest.REMEMBERED_BYTES])
def test_a_file_that_has_just_changed_is_not_remembered(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the tick of its clock it may change again."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(A[:size])
    status = path.stat()
    state = (str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    monkeypatch.setattr(digest, "file_state", lambda path: state)
    assert digest.sha256_file(path) == sha256_of(A[:size])
    path.write_bytes(B[:size])
    assert digest.sha256_file(path) == sha256_of(B[:size])


def test_nothing_is_noted_of_a_file_that_has_just_changed(large: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    asked_elsewhere(large, home, settled_ns=10**12)
    assert not list(home.rglob("*.json"))


def test_a_damaged_or_unwritable_memory_costs_time_only(large: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    asked_elsewhere(large, home)
    (note,) = home.rglob("*.json")
    text = note.read_bytes()
    flipped = [text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :] for at in (3, len(text) // 2, len(text) - 5)]
    for damage in (b"", b"{}", b"[1, 2]", b'["x", 1, 2, "y"]', b"\xff", *flipped):
        note.write_bytes(damage)
        assert asked_elsewhere(large, home)[0] == sha256_of(A)
    (tmp_path / "file").write_text("")
    assert asked_elsewhere(large, tmp_path / "file")[0] == sha256_of(A)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_flipped_byte_of_a_note_gives_another_hash(data: st.DataObject, tmp_path: Path) -> None:
    note, state = tmp_path / "note.json", ("path", 1, 2, 3, 4)
    digest._write_note(note, state, sha256_of(A))
    content = bytearray(note.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    note.write_bytes(content)
    assert digest._read_note(note, state) in (None, sha256_of(A))
    assert digest._read_note(note, ("path", 1, 2, 3, 5)) is None


def test_a_folder_is_its_matching_files_wherever_it_lies(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.csv").write_text("1")
    (folder / "b.csv").write_text("2")
    first = digest.folder_digest(folder, "*.csv")
    (folder / "notes.txt").write_text("not asked for")
    assert digest.folder_digest(folder.rename(tmp_path / "moved"), "*.csv") == first
    moved = tmp_path / "moved"
    (moved / "b.csv").write_text("3")
    second = digest.folder_digest(moved, "*.csv")
    (moved / "b.csv").write_text("2")
    assert digest.folder_digest(moved, "*.csv") == first
    (moved / "b.csv").rename(moved / "c.csv")
    third = digest.folder_digest(moved, "*.csv")
    (moved / "c.csv").unlink()
    assert len({first, second, third, digest.folder_digest(moved, "*.csv")}) == 4


def test_a_large_folder_is_read_again_only_when_a_file_changes(large: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    first, read = asked_elsewhere(large.parent, home)
    assert read == 1
    assert asked_elsewhere(large.parent, home) == (first, 0)
    write_in_place(large, B)
    second, read = asked_elsewhere(large.parent, home)
    assert second != first
    assert read == 1, "size and time are as they were"
