"""A checkpoint that would unpack to more than it holds is refused before it is unpacked."""

from __future__ import annotations

import collections
import contextlib
import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emollama_hf.conversion.pickle_check import MAX_PICKLE_BYTES
from emollama_hf.conversion.pickle_file import model_state, read_checkpoint
from emollama_hf.errors import ModelError

WEIGHTS = {"model": {"w": torch.arange(6.0).reshape(2, 3), "b": torch.arange(3.0)}}
ZEROS = bytes(2**20)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    torch.save(WEIGHTS, tmp_path / "good.pth")
    return tmp_path / "good.pth"


def rewritten(source: Path, change: Callable[[zipfile.ZipFile, zipfile.ZipInfo, bytes], None]) -> Path:
    """A copy of an archive, each entry of which `change` writes."""
    target = source.with_name("changed.pth")
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            change(new, entry, old.read(entry))
    return target


def refused(path: Path, said: str) -> None:
    with pytest.raises(ModelError, match=said) as error:
        read_checkpoint(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_entries_that_are_stored_again_as_they_are_are_read(saved: Path) -> None:
    path = rewritten(saved, lambda new, entry, data: new.writestr(entry.filename, data))
    assert torch.equal(model_state(read_checkpoint(path))["w"], WEIGHTS["model"]["w"])


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("name", ["good/data.pkl", "good/data/0", "good/version"])
def test_a_compressed_entry_is_refused(saved: Path, method: int, name: str) -> None:
    path = rewritten(
        saved,
        lambda new, entry, data: new.writestr(
            entry.filename, data, compress_type=method if entry.filename == name else zipfile.ZIP_STORED
        ),
    )
    refused(path, f"{name} compressed|larger than the file")


def test_a_pickle_that_grows_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        with archive.open("archive/data.pkl", "w", force_zip64=True) as entry:
            entry.write(b"\x80\x02}X\x05\x00\x00\x00model")
            for _ in range(64):
                entry.write(b"N0" * 2**19)
            entry.write(b"}s.")
        archive.writestr("archive/version", "3\n")
    refused(path, "Nothing of it was unpacked")


def test_a_directory_that_lies_about_an_entry_is_refused(saved: Path) -> None:
    data = bytearray(saved.read_bytes())
    at = data.index(b"PK\x03\x04")
    data[at + 8 : at + 10] = struct.pack("<H", 8)  # deflated, says the entry, and the directory that it is not
    saved.write_bytes(data)
    refused(saved, "where no uncompressed entry begins")


def test_a_list_of_entries_that_is_hidden_behind_a_comment_is_refused(saved: Path) -> None:
    with zipfile.ZipFile(saved, "a") as archive:
        archive.comment = b"PK\x05\x06" + bytes(18)
    with pytest.raises(ModelError):
        read_checkpoint(saved)


def test_entries_of_one_name_are_refused(saved: Path) -> None:
    with zipfile.ZipFile(saved, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("good/data.pkl", pickle.dumps({}))
    refused(saved, "two entries of one name")


@pytest.mark.parametrize("name", ["good/version", "good/more.bin", "elsewhere"])
def test_a_large_entry_that_holds_no_tensor_is_refused(saved: Path, name: str) -> None:
    path = rewritten(saved, lambda new, entry, data: new.writestr(entry.filename, data))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name if name != "good/version" else "good/Version2", ZEROS)
    refused(path, "expected at most")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_is_too_large_is_refused(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "checkpoint.pth"
    torch.save({**WEIGHTS, "log": "x" * MAX_PICKLE_BYTES}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelError, match=r"expected at most|pickle of more than"):
        read_checkpoint(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_global_that_takes_memory_and_no_checkpoint_needs_is_refused(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "checkpoint.pth"
    torch.save({**WEIGHTS, "log": bytearray(b"x")}, path, _use_new_zipfile_serialization=zipped, pickle_protocol=2)
    with pytest.raises(ModelError, match=r"holds __builtin__.bytearray, which is code"):
        read_checkpoint(path)


def test_a_tensor_that_spreads_one_value_over_a_huge_shape_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pth"
    torch.save({"model": {"w": torch.zeros(1).expand(10**6, 10**6), "b": torch.zeros(3)}}, path)
    with pytest.raises(ModelError, match=r"w \(1000000, 1000000\)"):
        model_state(read_checkpoint(path))


def test_a_checkpoint_that_refers_to_itself_is_looked_through_once(tmp_path: Path) -> None:
    level: dict[str, object] = {str(i): i for i in range(3)}
    for _ in range(4):
        level = {str(i): level for i in range(300)}
    torch.save({"state": level}, tmp_path / "checkpoint.pth")
    with pytest.raises(ModelError, match="expected names and tensors"):
        model_state(read_checkpoint(tmp_path / "checkpoint.pth"))


def test_other_archives_and_arrays_are_no_checkpoints(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    np.savez(tmp_path / "a.npz", w=np.zeros(3))
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
    with zipfile.ZipFile(tmp_path / "nested.zip", "w") as archive:
        archive.writestr("inner.zip", inner.getvalue())
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(ModelError) as error:
            read_checkpoint(path)
        assert path.name in str(error.value)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_archive_is_read_as_it_was_or_refused(saved: Path, data: st.DataObject) -> None:
    good = saved.read_bytes()
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    path = saved.with_name("mutated.pth")
    path.write_bytes(changed)
    try:
        state = model_state(read_checkpoint(path))
    except ModelError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert sum(tensor.numel() for tensor in state.values()) < 1000


def test_each_byte_of_the_list_of_entries_may_be_changed(saved: Path) -> None:
    """Positions outside of the file, a second disk: what `zipfile` and the system say of these is no ModelError."""
    good, path = saved.read_bytes(), saved.with_name("mutated.pth")
    for position in range(good.index(b"PK\x01\x02"), len(good)):
        for value in {1, 255} - {good[position]}:
            path.write_bytes(good[:position] + bytes([value]) + good[position + 1 :])
            with contextlib.suppress(ModelError):
                model_state(read_checkpoint(path))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_tensor_keeps_what_it_was_saved_with(tmp_path: Path, zipped: bool) -> None:
    shared = torch.arange(12.0)
    state = {"a": torch.nn.Parameter(shared[:6]), "b": shared[6:], "h": torch.ones(2, dtype=torch.bfloat16)}
    marked = torch.nn.Parameter(torch.ones(3))
    marked.tag = "kept as an attribute"  # type: ignore[attr-defined]
    more = {
        "set": {1, 2},
        "complex": 1j,
        "dtype": torch.float16,
        "size": torch.Size([2]),
        "device": torch.device("cpu"),
    }
    content = {"model": collections.OrderedDict(state, p=marked), "counts": collections.Counter("abca"), **more}
    torch.save(content, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    read = read_checkpoint(tmp_path / "a.pth")
    assert {name: read[name] for name in more} == more
    assert all(torch.equal(read["model"][name], tensor) for name, tensor in content["model"].items())


def test_values_that_an_old_file_announces_and_does_not_hold_are_no_weights(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pth"
    torch.save({"w": torch.arange(1000.0)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    content = content[: content.rindex(b"\x80\x02]")] + b"\x80\x02]."  # the list of stored values, empty
    path.write_bytes(content)
    with pytest.raises(ModelError, match="4,000 bytes, more than the file"):
        read_checkpoint(path)
