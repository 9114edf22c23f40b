"""A conversion that does not end leaves nothing that looks like a model, and the next one starts clean."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from emollama_hf import ModelError
from emollama_hf.checkpoints import open_model
from emollama_hf.conversion.convert import run_conversion
from emollama_hf.files.work_directory import work_directory
from tests.encoders import golden
from tests.small_disk import small_disk

ARCHITECTURE = golden.MANIFEST["hyperparameters"]
LOCATIONS = {kind: str(path) for kind, path in golden.SOURCES.items()}


def convert_slowly(out: Path) -> None:
    """A real conversion that takes a second, so that it can be met anywhere on its way."""
    run_conversion(out, LOCATIONS, architecture=ARCHITECTURE, progress=lambda done, total: time.sleep(0.005))


def convert_for_ever(out: Path) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background is born deaf to it
    run_conversion(out, LOCATIONS, architecture=ARCHITECTURE, progress=lambda done, total: time.sleep(60))


def started(target: object, out: Path) -> multiprocessing.Process:
    # Forked from a server that has imported everything and computed nothing: starts in milliseconds.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.conversion.test_interrupted"])
    process = context.Process(target=target, args=(out,))
    process.start()
    return process


def wait_for(path: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.001)


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.1, 0.25, 0.5, 0.75])
def test_a_kill_at_any_moment_leaves_no_model_and_no_obstacle(delay: float, tmp_path: Path) -> None:
    out = tmp_path / "model"
    process = started(convert_slowly, out)
    wait_for(tmp_path / ".model.partial")
    time.sleep(delay)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not out.exists()
    golden.convert_golden(out)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert open_model(out).digest("emotion_llama")


def test_ctrl_c_cleans_up(tmp_path: Path) -> None:
    process = started(convert_for_ever, tmp_path / "model")
    wait_for(tmp_path / ".model.partial" / "facemae")
    assert process.pid is not None
    os.kill(process.pid, signal.SIGINT)
    process.join(60)
    assert process.exitcode == 1
    assert list(tmp_path.iterdir()) == []


def test_two_conversions_to_one_place(tmp_path: Path) -> None:
    process = started(convert_for_ever, tmp_path / "model")
    wait_for(tmp_path / ".model.partial" / "facemae")
    try:
        with pytest.raises(ModelError, match=r"another process is writing .*model now"):
            golden.convert_golden(tmp_path / "model")
        assert (tmp_path / ".model.partial" / "facemae").exists(), "the other one's files were touched"
    finally:
        process.kill()
        process.join()


def test_an_error_on_the_way_removes_what_was_written(tmp_path: Path) -> None:
    def fail() -> None:
        with work_directory(tmp_path / "model") as work:
            (work / "facemae").mkdir()
            (work / "facemae" / "model.safetensors").write_bytes(b"x")
            raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_before_and_on_the_way(tmp_path: Path) -> None:
    # Bytes of all tensors of the result, and of the LoRA factors that it keeps; files have headers, and there are small
    # files beside them.
    tensors = 3_271_600 + 36_864
    with small_disk(tmp_path / "disk", 1_000_000):
        with pytest.raises(ModelError, match=r"has 1\.0 MB free, the result needs 3\.3 MB\. Make room"):
            golden.convert_golden(tmp_path / "disk" / "model")
        assert list((tmp_path / "disk").iterdir()) == []
    (tmp_path / "disk").rmdir()
    with small_disk(tmp_path / "disk", tensors + 16_000):
        with pytest.raises(ModelError, match=r"the disk is full. Nothing was left behind"):
            golden.convert_golden(tmp_path / "disk" / "model")
        assert list((tmp_path / "disk").iterdir()) == []
