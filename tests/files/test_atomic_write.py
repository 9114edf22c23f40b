"""Files appear whole under their names or not at all, whatever happens while they are written."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from emollama_hf.files.atomic_write import atomic_file, atomic_path, partial_name


@pytest.mark.parametrize("shared", [False, True])
def test_a_file_replaces_the_earlier_one_at_the_end(shared: bool, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"earlier")
    with atomic_file(path, durable=False, shared=shared) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"earlier"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("shared", [False, True])
def test_a_failure_leaves_the_earlier_file_alone(shared: bool, error: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"earlier")

    def write_and_fail() -> None:
        with atomic_file(path, durable=True, shared=shared) as file:
            file.write(b"new")
            raise error

    with pytest.raises(error):
        write_and_fail()
    assert path.read_bytes() == b"earlier"
    assert os.listdir(tmp_path) == ["file"]


def test_what_a_killed_process_left_is_replaced_and_links_are_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"of somebody")
    (tmp_path / partial_name("file")).symlink_to(other)
    with atomic_file(tmp_path / "file", durable=False) as file:
        file.write(b"new")
    assert other.read_bytes() == b"of somebody"
    assert sorted(os.listdir(tmp_path)) == ["file", "other"]
    assert not (tmp_path / "file").is_symlink()


@pytest.mark.parametrize("durable", [False, True])
def test_a_durable_file_is_on_the_disk_before_the_rename(
    durable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[bytes] = []

    def note(descriptor: int) -> None:
        assert not (tmp_path / "file").exists()
        flushed.append((tmp_path / partial_name("file")).read_bytes())

    monkeypatch.setattr(os, "fsync", note)
    with atomic_file(tmp_path / "file", durable=durable) as file:
        file.write(b"new")
    assert flushed == [b"new"] * durable


def test_permission_bits_are_those_that_were_asked_for(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "file", durable=False, mode=0o600):
        pass
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_a_shared_file_may_have_the_longest_name_and_several_writers(tmp_path: Path) -> None:
    path, start = tmp_path / ("x" * 255), threading.Barrier(4)

    def write(number: int) -> None:
        start.wait()
        for _ in range(50):
            with atomic_file(path, durable=False, shared=True) as file:
                file.write(bytes([number]) * 1000)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(set(path.read_bytes())) == 1
    assert os.listdir(tmp_path) == [path.name]


def test_a_path_for_writers_that_open_files_themselves(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "file") as partial:
        assert partial == tmp_path / ".file.part"
        partial.write_bytes(b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "file"):
        pass  # nothing was written
    assert (tmp_path / "file").read_bytes() == b"new"
