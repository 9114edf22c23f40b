"""`python -m benchmarks.gpu` where there is no GPU: what it says, how it ends, and that no step holds up another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.gpu import detection as faces
from benchmarks.gpu.answers import answers, recorded
from benchmarks.gpu.detection import detection
from benchmarks.gpu.launches import asked_for
from benchmarks.gpu.lines import Report, checked, measured
from benchmarks.gpu.settings import Settings
from benchmarks.gpu.steps import BY_NAME, STEPS
from benchmarks.gpu.tf32 import allowed, tf32
from benchmarks.gpu.watching import Watch
from emollama_hf.frames.faces.torch_yunet import TorchYunet
from tests.encoders import golden

ROOT = Path(__file__).parents[2]


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.gpu", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, env={**os.environ, **environment}
    )  # fmt: skip


@pytest.fixture(scope="module")
def damaged_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory whose VideoMAE was not copied as a whole."""
    model = golden.convert_golden(tmp_path_factory.mktemp("damaged") / "model")
    weights = model / "videomae" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    return model


def test_steps_that_end_well_fail_or_take_too_long(damaged_model: Path, tmp_path: Path) -> None:
    out, log = tmp_path / "lines.jsonl", tmp_path / "log"
    steps = ("versions", "facemae", "videomae", "halving", "attention")
    done = run(
        "--device", "cpu", "--model", damaged_model, "--out", out, "--log", log, "--limit", "attention=0.01",
        "--steps", *steps,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    lines: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert out.read_text() == done.stdout
    statuses = {line["step"]: line for line in lines if "status" in line}
    assert {name: statuses[name]["status"] for name in steps} == {
        "versions": "done",
        "facemae": "done",
        "videomae": "failed",
        "halving": "skipped",
        "attention": "cut",
    }
    assert "not a whole safetensors file" in statuses["videomae"]["error"]
    assert "\n" not in statuses["videomae"]["error"]
    assert "Traceback" in log.read_text()
    assert "needs a GPU" in statuses["halving"]["reason"]
    assert "limit of 0.01 s" in statuses["attention"]["reason"]
    software = next(line for line in lines if line.get("what") == "software")
    assert software["torch"] == torch.__version__
    networks = [line for line in lines if line["step"] == "facemae" and "share_of_peak" in line]
    assert [line["what"] for line in networks] == ["facemae, 1 together, float32", "facemae, 4 together, float32"]
    assert all(line["ms_a_clip"] > 0 and line["tflop_a_clip"] > 0 for line in networks)
    for row in (
        "| facemae | facemae, 1 together, float32 |  | ms a clip ",
        "| videomae | failed |",
        "| attention | cut",
    ):
        assert row in done.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_line_says_so() -> None:
    done = run("--steps", "versions")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: device='cuda' was asked for, but torch ")
    assert done.stderr.count("\n") == 1


def test_without_datasets_one_line_says_so(tmp_path: Path) -> None:
    (tmp_path / "datasets.py").write_text("raise ModuleNotFoundError(\"No module named 'datasets'\", name='datasets')")
    done = run("--device", "cpu", "--steps", "versions", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: the package 'datasets' is missing here. ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--steps", "ceiling"), "invalid choice: 'ceiling'"),
        (("--limit", "ceiling=3"), "expected STEP=SECONDS with a step of versions, ceilings"),
        (("--limit", "ceilings=soon"), "expected a number of seconds behind ceilings="),
        (("--minutes", "0"), "expected more than 0"),
        (("--device", "gpu"), "expected cuda, cuda:NUMBER or cpu"),
        (("--readers", "-1"), "expected a number of processes"),
    ],
)
def test_arguments_that_mean_nothing(arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    done = run("--device", "cpu", "--out", tmp_path / "absent" / "lines.jsonl")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {tmp_path / 'absent' / 'lines.jsonl'}: No such file or directory.")


def test_a_run_whose_time_is_over_skips_what_is_left() -> None:
    done = run("--device", "cpu", "--minutes", "0.001", "--steps", "versions", "ceilings")
    assert done.returncode == 3
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["step"], line["status"]) for line in lines] == [("versions", "skipped"), ("ceilings", "skipped")]
    assert "left of --minutes" in lines[0]["reason"]


def test_every_step_is_listed_and_found() -> None:
    done = run("--list")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(BY_NAME)
    assert all(callable(step.function()) for step in STEPS)


def test_all_is_well_only_if_every_step_ran_and_every_check_passed(tmp_path: Path) -> None:
    def well(*records: dict[str, Any]) -> bool:
        with (tmp_path / "stream").open("w") as stream:
            report = Report(stream=stream)
            for record in records:
                report.add(record)
        return report.all_well

    done = {"step": "parity", "status": "done"}
    assert well(measured("a", ms=1.0).record("parity"), checked("b", True).record("parity"), done)
    assert not well(checked("b", False).record("parity"), done)
    assert not well(done, {"step": "chain", "status": "cut"})
    assert not well(done, {"step": "chain", "status": "skipped"})
    assert well(done, {"step": "videos", "status": "skipped", "unavailable": True})


def test_figures_have_four_digits() -> None:
    record = measured("a", ms=1.234567, of={"b": 0.000123456}, count=123456).record("chain")
    assert record == {"step": "chain", "what": "a", "ms": 1.235, "of": {"b": 0.0001235}, "count": 123456}


def test_a_row_of_the_table_is_short_and_json_has_the_rest(tmp_path: Path) -> None:
    kernels = {f"a kernel with a long name {number}": 0.01 for number in range(50)}
    line = measured(
        "facemae", waits=3, ms=1234.567, shares={"copies": 0.02871}, same=True, details={"kernels": kernels}
    )
    with (tmp_path / "stream").open("w") as stream:
        report = Report(stream=stream)
        report.add(line.record("launches"))
    assert json.loads((tmp_path / "stream").read_text())["details"]["kernels"] == kernels
    row = report.table().splitlines()[-1]
    assert row == "| launches | facemae |  | waits 3, ms 1235, shares copies 0.0287, same yes |"


def test_a_watch_tells_preparing_from_computing_and_says_where_threads_are() -> None:
    network, batch = torch.nn.Linear(64, 64), torch.zeros(8, 64)
    started = time.perf_counter()
    with Watch([network], "cpu") as watch:
        time.sleep(0.2)
        network(batch)
        first = time.perf_counter()
        time.sleep(0.2)
        network(batch)
        last = time.perf_counter()
        subprocess.run([sys.executable, "-c", "sum(range(20_000_000))"], check=True)
    ended = time.perf_counter()
    figures = watch.figures(ended - started, clips=10)
    between = ended - started - figures["before_networks_s"] - figures["after_networks_s"]
    assert 0.2 <= figures["before_networks_s"] <= first - started
    assert ended - last <= figures["after_networks_s"]
    assert 0.2 <= between <= last - started
    assert figures["clips_a_second_between"] == pytest.approx(10 / between)
    assert 0 < figures["networks_busy_between"] < 1
    assert figures["cpu_ms_a_clip"]["processes"] >= 10, "of a process that it has started"
    (main,) = (lines for name, lines in watch.lines().items() if name == "MainThread")
    assert any(line.startswith("benchmarks/test_gpu.py:") for line in main)
    assert sum(main.values()) <= 1 + 1e-9


def test_recorded_answers_and_their_time_on_a_cpu(tmp_path: Path) -> None:
    settings = Settings("cpu", "random-tiny", None, str(tmp_path))
    lines = list(recorded(settings))
    assert [line.what.partition(",")[0] for line in lines] == [
        "gen_aligned", "gen_single_label", "gen_misaligned", "gen_free",
    ]  # fmt: skip
    assert all(line.passed and line.figures["same_ids"] for line in lines)
    timed = list(answers(settings))
    assert [line.what for line in timed] == ["8 together, float32", "16 together, float32"]
    assert all(line.figures["pieces_a_second"] > 0 for line in timed)


def test_faces_on_the_device_and_on_cores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(faces, "SIZES", ((320, 240), (160, 160)))
    lines = list(detection(Settings("cpu", "random-tiny", 1, str(tmp_path))))
    (parity, *others) = lines
    assert parity.passed
    assert parity.figures["pictures"] == 8
    assert parity.figures["faces"] > 16
    assert [line.what for line in others] == [
        "320x240, 1 together", "320x240, 2 together", "160x160, 1 together", "160x160, 2 together",
        "320x240, round trip of one reader", "160x160, round trip of one reader",
        "1 readers of 160x120, faces on their cores", "1 readers of 160x120, faces on cpu",
    ]  # fmt: skip
    for line in others[4:6]:
        assert 0 < line.figures["reader_cpu_ms"] < line.figures["ms"]
    assert all(line.figures["clips_a_second"] > 0 for line in others[6:])


def test_faces_that_are_not_opencvs_are_not_passed(tmp_path: Path) -> None:
    class Moved(TorchYunet):
        def rows_of_each(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
            return [rows + np.float32([1, *[0] * 14]) for rows in super().rows_of_each(pictures)]

    class Blind(TorchYunet):
        def rows_of_each(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
            return [rows[:0] for rows in super().rows_of_each(pictures)]

    settings = Settings("cpu", "random-tiny", 1, str(tmp_path))
    assert not faces._parity(Moved("cpu"), settings).passed
    assert not faces._parity(Blind("cpu"), settings).passed


def test_tf32_is_allowed_for_as_long_as_it_was_asked_for(tmp_path: Path) -> None:
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    with allowed(products=True, convolutions=False):
        assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == (True, False)
    assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == before
    lines = list(tf32(Settings("cpu", "random-tiny", None, str(tmp_path))))
    networks = dict.fromkeys(line.what.partition(",")[0] for line in lines if "TF32 allowed" not in line.what)
    assert list(networks) == ["facemae", "videomae", "eva", "decoder"]
    assert sum("of the stage, TF32 allowed" in line.what for line in lines) == 3
    assert all(line.passed and line.figures["same_bits"] for line in lines), "a CPU knows no TF32"


def test_waits_that_are_asked_for_are_counted_with_their_line() -> None:
    """torch's own mode warns of copies and values that are read, and not of these."""
    plain = torch.cuda.Event.synchronize
    with asked_for() as found:
        torch.cuda.Event(blocking=True).synchronize()  # of nothing, so that no GPU is needed
    assert len(found) == 1
    assert found[0].startswith("benchmarks/test_gpu.py:")
    assert torch.cuda.Event.synchronize is plain
