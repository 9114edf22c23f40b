"""`extract --quantize`: what it picks, the comparison that it names, and a model that cannot fit."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from emollama_hf.computing.available_memory import system_memory
from tests.commands.command_line import run
from tests.commands.test_cli import clips
from tests.encoders.golden import LLAMA

__all__ = ["clips"]


def test_the_comparison_that_is_printed_runs(clips: Path, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed: the extra quantization")
    options = ("--model", "random-tiny", "--tokenizer", str(LLAMA), "--peak", "middle", "--device", "cpu")
    ran = run("extract", str(clips), "--out", str(tmp_path / "features"), "--quantize", "8bit", *options)
    assert "computing on cpu in float32, the decoder in 8bit, 1 clip at a time: 1.3 GB at the peak" in ran.stderr
    [printed] = [line for line in ran.stdout.splitlines() if line.startswith("emollama-hf verify ")]
    assert f"--tokenizer {LLAMA}" in printed
    compared = run(*shlex.split(printed)[1:]).stdout
    assert "held to no limit" in compared
    assert "% away" in compared


def test_wrong_values_and_a_model_that_cannot_fit_end_at_once(clips: Path, tmp_path: Path) -> None:
    extract = ("extract", str(clips), "--out", str(tmp_path / "features"), "--device", "cpu", "--peak", "middle")
    wrong = run(*extract, "--model", "random-tiny", "--quantize", "5bit", status=1)
    assert "Valid: None, '4bit', '8bit'" in wrong.stderr
    strange = run(*extract, "--model", "random-tiny", "--engine", "dask", "--status", status=1)
    assert "Valid: 'local', 'ray'" in strange.stderr
    memory = system_memory()
    if memory is None or memory.available > 60e9:
        pytest.skip("this machine may have room for it")
    full = run(*extract, "--model", "random-full", "--num-proc", "2", "--dtype", "float32", status=1)
    assert "random-full does not fit: on cpu in float32 in 2 processes it takes 68.8 GB" in full.stderr
    pytest.importorskip("ray", reason="ray is not installed: the extra ray")
    ray = run(*extract, "--model", "random-full", "--dtype", "float32", "--num-proc", "2", "--engine", "ray", status=1)
    assert "random-full does not fit: on cpu in float32 in 2 processes it takes 68.8 GB" in ray.stderr
