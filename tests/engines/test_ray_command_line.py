"""`emollama-hf extract --engine ray` with a Ray of its own: it ends as it should, and with all of its processes."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from datasets import Dataset

from tests import second_process
from tests.engines.ray_processes import marked, quick_workers_of, shards, until
from tests.extraction.crops import crops


def command_line(tmp_path: Path, *arguments: str, before: str = "", quick: bool = True) -> second_process.SecondProcess:
    """`emollama-hf extract` of 30 clips, in a session and with a home directory of its own.

    quick: with workers that are forks; else everything of Ray's starts as it does for a user.
    """
    crops(tmp_path / "clips", *range(30))
    Dataset.from_dict({"frames": [str(path) for path in sorted((tmp_path / "clips").iterdir())]}).save_to_disk(
        str(tmp_path / "rows")
    )
    (tmp_path / "home").mkdir(exist_ok=True)
    code = f"import sys; {before}\nfrom emollama_hf.cli import main; main()"
    command = [
        "extract", str(tmp_path / "rows"), "--out", str(tmp_path / "out"), "--model", "random-tiny", "--faces", "none",
        "--peak", "middle", "--engine", "ray", *arguments,
    ]  # fmt: skip
    environment: dict[str, str | None] = {name: None for name in os.environ if name.startswith("RAY_")}
    environment |= {"HOME": str(tmp_path / "home"), "EMOLLAMA_TEST": str(tmp_path)}
    return second_process.start(code, *command, environment=quick_workers_of(environment) if quick else environment)


def left_over(tmp_path: Path) -> list[str]:
    """Processes of a command line."""
    return list(marked(f"EMOLLAMA_TEST={tmp_path}").values())


def test_a_run_starts_its_own_ray_and_ends_it(tmp_path: Path) -> None:
    run = command_line(tmp_path, "--num-proc", "1", "--shard-rows", "10", quick=False)
    told, errors = run.communicate(timeout=200)
    assert run.returncode == 0, errors
    assert "30 clips: 30 ok" in told
    who, what, *progress = errors.splitlines()
    assert who.startswith(
        "emollama-hf: workers on 1 node: 1 for sample_frames, 1 for facemae_embed and videomae_embed "
    )
    assert what.startswith("emollama-hf: computing on cpu in float32, 1 clip at a time: ")
    assert [line.split(",")[0] for line in progress] == [f"emollama-hf: {done} of 30 clips" for done in (10, 20, 30)], (
        "a line a shard, and nothing of Ray's"
    )
    assert [path.name for path in (tmp_path / "home").iterdir() if path.name == ".ray"] == []
    until(lambda: not left_over(tmp_path), still=lambda: left_over(tmp_path))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_leaves_no_process(how: signal.Signals, tmp_path: Path) -> None:
    wake = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    run = command_line(tmp_path, "--num-proc", "1", "--shard-rows", "3", before=wake)
    until(lambda: run.poll() is not None or shards(tmp_path / "out") >= 2)
    assert run.poll() is None, run.communicate()
    run.send_signal(how)
    _, errors = run.communicate(timeout=100)
    if how == signal.SIGINT:
        assert run.returncode == 130, errors
        assert re.fullmatch(
            r"emollama-hf: interrupted: \d+ of 30 clips stored, run the same again for the others",
            errors.splitlines()[-1],
        )
        assert "Traceback" not in errors, errors
    # Of a killed one Ray's agents look from time to time whether it is still there.
    until(lambda: not left_over(tmp_path), 240, still=lambda: left_over(tmp_path))
    assert 2 <= shards(tmp_path / "out") < 10


def test_a_run_that_is_stopped_while_ray_starts_leaves_no_process(tmp_path: Path) -> None:
    wake = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    run = command_line(tmp_path, "--num-proc", "1", before=wake)
    until(lambda: run.poll() is not None or any("gcs_server" in one for one in left_over(tmp_path)))
    run.send_signal(signal.SIGINT)
    assert run.wait(60) == 130
    until(lambda: not left_over(tmp_path), 20, still=lambda: left_over(tmp_path))


def test_a_ray_that_dies_is_one_line_that_says_what_is_kept(tmp_path: Path) -> None:
    run = command_line(tmp_path, "--num-proc", "1", "--shard-rows", "3")
    until(lambda: run.poll() is not None or shards(tmp_path / "out") >= 2)
    assert run.poll() is None, run.communicate()
    for status in Path("/proc").glob("[0-9]*/status"):
        fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        if fields["PPid"] == str(run.pid) and fields["Name"] in ("raylet", "gcs_server"):
            os.kill(int(status.parent.name), signal.SIGKILL)
    _, errors = run.communicate(timeout=150)
    assert run.returncode == 1, "Ray's core ends the process"
    # A process beside it says so, which may be a little later.
    until(lambda: "kept: run the same again" in run.communicate()[1].splitlines()[-1], still=lambda: errors)
    assert shards(tmp_path / "out") >= 2
    until(lambda: not left_over(tmp_path), 240, still=lambda: left_over(tmp_path))


@pytest.mark.parametrize(
    ("before", "arguments", "message"),
    [
        ("sys.modules['ray'] = None", (), "pip install 'emollama_hf[ray]'"),
        ("", ("--address", "127.0.0.1:1"), "no Ray answers"),
        ("", ("--num-proc", "4000"), "num_proc=4000: the cluster has"),
    ],
)
def test_the_command_line_says_in_one_line_what_is_wrong(
    before: str, arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    run = command_line(tmp_path, *arguments, before=before)
    _, errors = run.communicate(timeout=60)
    assert run.returncode == 1
    assert message in errors
    assert len(errors.splitlines()) == 1
