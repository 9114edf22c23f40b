"""Large files are hashed once, by whichever process comes first, and again when they change."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from emollama_hf import digest
from tests import second_process

ASK = (
    "import sys; from pathlib import Path; from emollama_hf.digest import folder_digest, sha256_file; "
    "path = Path(sys.argv[1]); "
    "print(sha256_file(path) if path.is_file() else folder_digest(path, '*.safetensors'))"
)


def asked_elsewhere(path: Path, home: Path) -> str:
    """The hash of a file, or of a folder's weights, as a new process tells it."""
    done = second_process.run(ASK, path, environment={"HF_HOME": str(home)}, check=True)
    return done.stdout.strip()


def settled(path: Path, content: bytes, seconds_ago: int = 100) -> str:
    path.write_bytes(content)
    time = path.stat().st_mtime_ns - seconds_ago * 10**9
    os.utime(path, ns=(time, time))
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    settled(path, b"a" * digest.REMEMBERED_BYTES)
    return path


def test_another_process_remembers_until_size_or_time_change(large: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = asked_elsewhere(large, home)
    assert first == hashlib.sha256(large.read_bytes()).hexdigest()
    status = large.stat()
    large.write_bytes(b"b" * status.st_size)
    os.utime(large, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert asked_elsewhere(large, home) == first, "with size and time as they were nothing is read"
    second = settled(large, b"b" * status.st_size, 50)
    assert asked_elsewhere(large, home) == second
    third = settled(large, b"b" * (status.st_size + 1), 50)
    assert asked_elsewhere(large, home) == third


def test_what_one_process_has_hashed_is_noted_for_the_next(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = digest.sha256_file(large)
    status = large.stat()
    large.write_bytes(b"b" * status.st_size)
    os.utime(large, ns=(status.st_atime_ns, status.st_mtime_ns))
    monkeypatch.setattr(digest, "_remembered", {})  # as it is in a new process
    assert digest.sha256_file(large) == first, "the note is read, and not the file"


def test_a_file_that_has_just_changed_is_not_remembered(large: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    large.touch()
    asked_elsewhere(large, home)
    assert not list(home.rglob("*.json"))


def test_a_damaged_or_unwritable_memory_costs_time_only(large: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    right = asked_elsewhere(large, home)
    (note,) = home.rglob("*.json")
    for damage in ("", "{}", "[1, 2]", '["x", 1, 2, "y"]'):
        note.write_text(damage)
        assert asked_elsewhere(large, home) == right
    (tmp_path / "file").write_text("")
    assert asked_elsewhere(large, tmp_path / "file") == right


def test_a_folder_is_its_matching_files_wherever_it_lies(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.csv").write_text("1")
    (folder / "b.csv").write_text("2")
    first = digest.folder_digest(folder, "*.csv")
    (folder / "notes.txt").write_text("not asked for")
    assert digest.folder_digest(folder.rename(tmp_path / "moved"), "*.csv") == first
    moved = tmp_path / "moved"
    settled(moved / "b.csv", b"3")
    second = digest.folder_digest(moved, "*.csv")
    settled(moved / "b.csv", b"2", 50)
    assert digest.folder_digest(moved, "*.csv") == first
    (moved / "b.csv").rename(moved / "c.csv")
    third = digest.folder_digest(moved, "*.csv")
    (moved / "c.csv").unlink()
    assert len({first, second, third, digest.folder_digest(moved, "*.csv")}) == 4


def test_a_large_folder_is_read_again_only_when_a_file_changes(large: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    first, status = asked_elsewhere(large.parent, home), large.stat()
    large.write_bytes(b"b" * status.st_size)
    os.utime(large, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert asked_elsewhere(large.parent, home) == first, "with size and time as they were nothing is read"
    settled(large, b"b" * status.st_size, 50)
    assert asked_elsewhere(large.parent, home) != first
