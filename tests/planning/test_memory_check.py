"""A run that cannot fit ends before it begins and says what would; one that can says what it picked."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from emollama_hf import FaceMAEEmbed, extract
from emollama_hf.checkpoints import open_model
from emollama_hf.checkpoints.memory import LANES, predict
from emollama_hf.computing.available_memory import Memory
from emollama_hf.planning import memory_check
from emollama_hf.planning.memory_check import ComputePlan, does_not_fit, say
from emollama_hf.stages.pipeline import Pipeline
from tests.extraction.crops import OPTIONS, crops
from tests.parts import PARTS

FULL = open_model("random-full")
GB = 10**9
CPU = ComputePlan("cpu", "float32", None, 1)
CUDA = ComputePlan("cuda", "float16", None, 8)


def test_what_fits_is_no_problem() -> None:
    assert does_not_fit(CPU, FULL, PARTS, 40 * GB) is None
    assert does_not_fit(replace(CPU, dtype="bfloat16"), FULL, PARTS, 20 * GB) is None
    assert does_not_fit(CPU, FULL, ("facemae",), 4 * GB) is None


@pytest.mark.parametrize(
    ("plan", "gigabytes", "options"),
    [
        (CPU, 20, "--quantize 8bit; --quantize 4bit; --dtype bfloat16"),
        (replace(CPU, dtype="bfloat16", quantize="8bit"), 11.6, "--quantize 4bit"),
        (CPU, 9, "--dtype bfloat16 --quantize 4bit"),
        (replace(CPU, dtype="bfloat16", processes=3), 40, "--num-proc 2; --quantize 8bit; --quantize 4bit"),
        (replace(CPU, dtype="bfloat16", processes=2), 10, "--quantize 4bit --num-proc 1"),
        (replace(CPU, dtype="bfloat16", clips=64), 20, "--batch-size 1; --quantize 8bit; --quantize 4bit"),
        (CUDA, 16, "--quantize 8bit; --quantize 4bit"),
        (replace(CUDA, dtype="float32"), 30, "--quantize 8bit; --quantize 4bit; --dtype float16"),
        (replace(CUDA, quantize="8bit"), 10, "--quantize 4bit"),
    ],
)
def test_options_are_typed_as_they_are_and_each_is_needed(plan: ComputePlan, gigabytes: float, options: str) -> None:
    told = does_not_fit(plan, FULL, PARTS, int(gigabytes * GB))
    assert told is not None
    assert f"{gigabytes:.1f} GB are available" in told
    assert set(told.split("This fits: ")[1].rstrip(".").split("; ")) == set(options.split("; "))


def test_where_nothing_fits_it_says_how_much_is_needed() -> None:
    told = does_not_fit(CPU, FULL, PARTS, 3 * GB)
    assert told is not None
    assert "at least 9.0 GB are needed" in told
    encoders = does_not_fit(CPU, FULL, ("facemae",), GB)
    assert encoders is not None
    assert "--quantize" not in encoders


def test_a_gpu_has_its_own_libraries_and_no_mapped_weights() -> None:
    expected = predict(FULL, PARTS, dtype="float16", clips=8 * LANES, cuda=True)
    assert CUDA.takes(FULL, PARTS) == expected
    assert expected != predict(FULL, PARTS, dtype="float16", clips=8 * LANES)


def test_several_processes_are_said() -> None:
    two, one = (say(replace(CPU, processes=processes), FULL, PARTS, None) for processes in (2, 1))
    assert "1 clip at a time in each of 2 processes: " in two
    assert "process" not in one


@pytest.mark.parametrize(("num_proc", "available"), [(None, "12.5 GB"), (1, "10.0 GB")])
def test_what_this_process_holds_is_available_to_itself_alone(
    num_proc: int | None, available: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(memory_check, "system_memory", lambda: Memory(20 * GB, 10 * GB))
    monkeypatch.setattr(memory_check, "own_memory", lambda: 25 * GB // 10)
    with caplog.at_level(logging.INFO, "emollama_hf.planning.memory_check"):
        memory_check.check_memory(Pipeline([FaceMAEEmbed("random-tiny", device="cpu")]), num_proc)
    assert caplog.records[0].message.endswith(f", {available} available")


def test_what_was_picked_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert say(replace(CUDA, quantize="4bit"), FULL, PARTS, None).startswith(
        "computing on cuda in float16, the decoder in 4bit, 8 clips together: "
    )
    ds = crops(tmp_path, 1, 2)
    with caplog.at_level(logging.INFO, "emollama_hf.planning.memory_check"):
        extract(ds, "random-tiny", out=tmp_path / "out", device="cpu", **OPTIONS)
    [line] = [record.message for record in caplog.records]
    assert line.startswith("computing on cpu in float32, 1 clip at a time: 1.3 GB at the peak, ")
    caplog.clear()
    with caplog.at_level(logging.INFO, "emollama_hf.planning.memory_check"):
        extract(ds, "random-tiny", out=tmp_path / "out", device="cpu", **OPTIONS)
    assert not caplog.records, "nothing is computed"
