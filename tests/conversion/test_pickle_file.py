"""A training program's file is read without running it, and what is no whole checkpoint is called by its name."""

from __future__ import annotations

import argparse
import collections
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from emollama_hf.conversion.pickle_file import model_state, read_checkpoint
from emollama_hf.errors import ModelError

WEIGHTS = {"w": torch.arange(6.0).reshape(2, 3)}


class Command:
    """What runs a command when it is unpickled in the usual way."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_training_checkpoint_is_read_in_both_formats(zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pth"
    options = argparse.Namespace(lr=0.1, name="mae", nested=argparse.Namespace(betas=(0.9, 0.95)))
    content = {"model": WEIGHTS, "args": options, "epoch": 3, "scaler": {"scale": 65536.0, "on": True}, "none": None}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    read = read_checkpoint(path)
    assert torch.equal(model_state(read)["w"], WEIGHTS["w"])
    assert read["args"].nested.betas == (0.9, 0.95)


def test_a_bare_state_dict_is_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "eva.pth"
    torch.save(collections.OrderedDict(WEIGHTS), path)
    assert model_state(read_checkpoint(path)).keys() == WEIGHTS.keys()


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("hidden_in", ["top", "namespace", "model"])
def test_a_file_that_would_run_a_command_is_refused(zipped: bool, hidden_in: str, tmp_path: Path) -> None:
    witness = tmp_path / "it-ran"
    evil = Command(f"touch '{witness}'")
    contents = {
        "top": {"model": WEIGHTS, "args": evil},
        "namespace": {"model": WEIGHTS, "args": argparse.Namespace(x=[evil])},
        "model": {"model": {**WEIGHTS, "x": evil}},
    }
    path = tmp_path / "checkpoint.pth"
    torch.save(contents[hidden_in], path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelError, match=r"holds posix\.system, which is code.*authors"):
        read_checkpoint(path)
    assert not witness.exists()
    torch.load(path, weights_only=False)  # the file is what it is made out to be
    assert witness.exists()


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Path("x"), "pathlib.PosixPath"),
        (np.float64(1), "numpy._core.multiarray.scalar"),
        (collections.defaultdict(int), "collections.defaultdict"),
    ],
)
def test_any_other_global_is_refused_by_name(value: Any, name: str, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pth"
    torch.save({"model": WEIGHTS, "args": value}, path)
    with pytest.raises(ModelError, match=name):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", r"\(0 bytes\).*it is empty"),
        (b"hello", r"\(5 bytes\).*begins with b'hello'"),
        (b"PK\x03\x04 and nothing more", "incomplete: fetch it again"),
        (b"\x80\x02 and nothing more", "incomplete: fetch it again"),
        (b"<!DOCTYPE html><html>Sign in</html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS pointer.*git lfs pull"),
        (b"\x40\x00\x00\x00\x00\x00\x00\x00{}", "a safetensors file"),
    ],
)
def test_what_is_no_checkpoint(content: bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pth"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=expected):
        read_checkpoint(path)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 0.99])
def test_a_truncated_download(share: float, zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pth"
    torch.save({"model": {str(i): torch.ones(500) for i in range(20)}}, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ModelError, match="incomplete: fetch it again"):
        read_checkpoint(path)


def test_what_holds_no_weights(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pth"
    torch.save(torch.ones(2), path)
    with pytest.raises(ModelError, match="holds a Tensor, expected the dict"):
        read_checkpoint(path)
    for content in ({}, {"epoch": 3, "name": "x"}, {"model": {"w": torch.ones(1), "version": 2}}):
        with pytest.raises(ModelError, match=r"expected names and tensors.*(nothing|epoch \(int\)|version \(int\))"):
            model_state(content)
