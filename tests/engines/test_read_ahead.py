"""The frames stage in processes ahead of the models: the same results, and nothing left behind."""

from __future__ import annotations

import gc
import multiprocessing.connection
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, Value

from emollama_hf import extract
from emollama_hf.console import timing
from emollama_hf.engines.open_shard import ShardSize
from emollama_hf.engines.read_ahead import ReadAhead
from emollama_hf.engines.runner import RunnerFailed
from emollama_hf.engines.worker import work
from emollama_hf.errors import StoreError
from emollama_hf.extraction.open_run import open_run
from emollama_hf.feature_set.run_description import made_with
from emollama_hf.planning.task import Task
from emollama_hf.rows import Row, Rows
from emollama_hf.stages import Column, SampleFrames, Stage
from tests import second_process, videos
from tests.extraction.crops import OPTIONS, crops


def children(pid: int) -> list[int]:
    """Processes that a process has started, which still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] != "Z" and b"resource_tracker" not in command:
                found.append(int(entry.name))
    return found


@pytest.fixture
def new_children() -> Callable[[], list[int]]:
    """Processes that this one has started since the test began; other tests' servers may still run."""
    before = set(children(os.getpid()))
    return lambda: [child for child in children(os.getpid()) if child not in before]


@pytest.fixture
def clips(tmp_path: Path) -> Dataset:
    paths = [str(videos.write_video(tmp_path / f"{i}.mp4", videos.still(20, x=100 + i))) for i in range(5)]
    (tmp_path / "3.mp4").write_text("no video")
    return Dataset.from_dict({"video": paths})


def test_rows_are_those_that_one_process_makes(
    clips: Dataset, new_children: Callable[[], list[int]], tmp_path: Path
) -> None:
    ahead = extract(clips, "random-tiny", num_readers=2, out=tmp_path / "ahead", keep="facemae_frames")
    alone = extract(clips, "random-tiny", num_readers=0, out=tmp_path / "alone", keep="facemae_frames")
    assert alone["emollama_status"] == ["ok", "ok", "ok", "not_a_video", "ok"]
    assert ahead.features == alone.features
    assert ahead.with_format("arrow")[:].equals(alone.with_format("arrow")[:])
    assert new_children() == []


def open_messages() -> int:
    """Memory of messages from readers that this process has open or mapped."""
    opened = [os.readlink(file.path) for file in os.scandir("/proc/self/fd") if os.path.islink(file.path)]
    return sum("emollama_hf message" in name for name in opened)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts what Linux lists")
def test_memory_of_clips_that_are_stored_is_given_back(clips: Dataset, tmp_path: Path) -> None:
    before = open_messages()
    done = extract(clips, "random-tiny", num_readers=2, out=tmp_path / "out")
    assert done["emollama_status"].count("ok") == 4
    gc.collect()
    assert open_messages() == before


def test_rows_of_one_unit_are_read_apart_and_computed_together(clips: Dataset, tmp_path: Path) -> None:
    options = {"batch_size": 3, "keep": "facemae_frames"}
    ahead = extract(clips, "random-tiny", num_readers=2, out=tmp_path / "ahead", **options)
    alone = extract(clips, "random-tiny", num_readers=0, out=tmp_path / "alone", **options)
    assert alone["emollama_status"] == ["ok", "ok", "ok", "not_a_video", "ok"]
    assert ahead.with_format("arrow")[:].equals(alone.with_format("arrow")[:])


@pytest.mark.parametrize("shared", [True, False])
def test_what_readers_compute_comes_in_memory_or_through_a_pipe_that_is_said_once(
    shared: bool, clips: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    received: list[int] = []
    receive = multiprocessing.connection.Connection._recv_bytes  # type: ignore[attr-defined]

    def counting(*arguments: Any) -> Any:
        message = receive(*arguments)
        received.append(message.getbuffer().nbytes)
        return message

    monkeypatch.setattr(multiprocessing.connection.Connection, "_recv_bytes", counting)
    if not shared:
        monkeypatch.delattr(os, "memfd_create")
    with caplog.at_level("INFO"):
        done = extract(clips, "random-tiny", num_readers=2, out=tmp_path / "out", keep="peak_frame")
    assert done["emollama_status"] == ["ok", "ok", "ok", "not_a_video", "ok"]
    said = [text for text in caplog.messages if "through a pipe" in text]
    if shared:
        assert said == []
        assert 0 < max(received) < 5000
    else:
        assert said == [
            "clips come from their readers through a pipe, which takes a while: this system has no memory that is "
            "shared without a name"
        ]
        assert max(received) > 1_000_000, "crops"


def test_lanes_alone_take_rows_that_bring_their_frames(tmp_path: Path) -> None:
    """As on a GPU: two threads, each with some of the units."""
    rng = np.random.default_rng(8)
    ds = Dataset.from_dict({"facemae_frames": [rng.integers(0, 256, (4, 32, 32, 3), np.uint8) for _ in range(7)]})
    options = {"stages": ["facemae_embed"], "batch_size": 2}
    alone = extract(ds, "random-tiny", out=tmp_path / "alone", **options)
    run = open_run(
        ds, "random-tiny", out=tmp_path / "lanes", on_error="null", keep=(), overwrite=False, retry_failed=False,
        **options,
    )  # fmt: skip
    stages, computation = run.pipeline.stages, run.computation
    lanes = ReadAhead(stages, readers=0, together=2, device="cpu", lanes=2)
    work(computation, computation.units(), made_with(stages), size=ShardSize(rows=3), runner=lanes)
    assert all(run.known(row) is not None for row in range(7))
    done = extract(ds, "random-tiny", out=tmp_path / "lanes", **options)
    assert done.with_format("arrow")[:].equals(alone.with_format("arrow")[:])


def test_each_worker_has_readers_of_its_own(
    clips: Dataset, new_children: Callable[[], list[int]], tmp_path: Path
) -> None:
    both = extract(clips, "random-tiny", num_proc=2, num_readers=1, out=tmp_path / "both")
    assert both["emollama_status"] == ["ok", "ok", "ok", "not_a_video", "ok"]
    assert new_children() == []


def test_a_killed_reader_ends_the_run_with_what_is_kept(new_children: Callable[[], list[int]], tmp_path: Path) -> None:
    def kill_a_reader() -> None:
        while "facemae_embed" not in timing.stage_times():
            time.sleep(0.01)
        os.kill(new_children()[0], signal.SIGKILL)

    ds = crops(tmp_path, *range(150))
    timing.reset()
    killer = threading.Thread(target=kill_a_reader)
    killer.start()
    with pytest.raises(StoreError, match="num_readers"):
        extract(ds, "random-tiny", num_readers=1, out=tmp_path / "out", **OPTIONS)
    killer.join()
    assert new_children() == []
    kept = timing.stage_times()["facemae_embed"].rows
    timing.reset()
    assert set(extract(ds, "random-tiny", out=tmp_path / "out", **OPTIONS)["emollama_status"]) == {"ok"}
    assert timing.stage_times()["facemae_embed"].rows == 150 - kept


class Waiting(Stage):
    """Reads a row when there is a file."""

    name, version, inputs = "waiting", 1, ("path",)

    def outputs(self) -> dict[str, Column]:
        return {"size": Column(Value("int32"), "bytes of the file")}

    def prepare(self, row: Row) -> Path:
        give_up = time.monotonic() + 60
        while not (path := Path(row["path"])).exists():
            assert time.monotonic() < give_up, "the model was not loaded"
            time.sleep(0.01)
        return path

    def compute(self, items: list[Path]) -> list[dict[str, Any]]:
        return [{"size": path.stat().st_size} for path in items]


class Loading(Stage):
    """Makes the file when it loads its model."""

    name, version, inputs = "loading", 1, ("size",)
    uses_device = True
    path = Path()

    def ready(self) -> None:
        self.path.touch()

    def outputs(self) -> dict[str, Column]:
        return {"double": Column(Value("int32"), "twice the bytes")}

    def prepare(self, row: Row) -> int:
        return int(row["size"])

    def compute(self, items: list[int]) -> list[dict[str, Any]]:
        return [{"double": 2 * size} for size in items]


def test_models_are_loaded_while_readers_start_and_read(tmp_path: Path) -> None:
    loading = Loading()
    loading.path = tmp_path / "loaded"
    task = Task([0], Rows.from_batch({"path": [str(loading.path)]}), [{"waiting", "loading"}], {})
    runner = ReadAhead([Waiting(), loading], readers=1, together=1, device="cpu")
    done = runner.start(task).result(100)
    runner.close()
    assert done.outcomes == {"waiting": {0: {"size": 0}}, "loading": {0: {"double": 0}}}


def test_rows_that_need_no_reading_start_no_reader(tmp_path: Path, new_children: Callable[[], list[int]]) -> None:
    loading = Loading()
    loading.path = tmp_path / "loaded"
    task = Task([0], Rows.from_batch({"path": ["none"]}), [{"loading"}], {"size": {0: 4}})
    runner = ReadAhead([Waiting(), loading], readers=1, together=1, device="cpu")
    assert runner.start(task).result(60).outcomes == {"loading": {0: {"double": 8}}}
    assert new_children() == []
    runner.close()


class Halved:
    """Stands for a task whose reader is killed when it has sent half of what it has read."""

    def split(self, stages: list[Any]) -> dict[int, Halved]:
        return {0: self, 1: self}

    def needs(self, stage: Any) -> bool:
        return False

    def run(self, stages: list[Any]) -> Halved:
        def send(connection: multiprocessing.connection.Connection, message: memoryview) -> None:
            if len(message) < 100:  # the length of what follows
                os.write(connection.fileno(), message)
                return
            sent = 0
            while sent < len(message) // 2:
                sent += os.write(connection.fileno(), message[sent : len(message) // 2])
            os.kill(os.getpid(), signal.SIGKILL)

        multiprocessing.connection.Connection._send = send  # type: ignore[attr-defined]
        return self

    def leave_behind(self, reading: Any) -> bytes:
        return bytes(1_000_000)

    def take_in(self, parts: Any) -> None:
        raise AssertionError("both arrived")


@pytest.mark.parametrize("readers", [1, 2])
def test_a_reader_that_is_killed_within_a_message_ends_the_run(
    readers: int, new_children: Callable[[], list[int]]
) -> None:
    runner = ReadAhead([SampleFrames()], readers=readers, together=2, device="cpu")
    with pytest.raises(RunnerFailed, match="num_readers"):
        runner.start(Halved()).result(60)  # type: ignore[arg-type]
    runner.close()
    assert new_children() == []


def test_a_script_needs_no_guard(tmp_path: Path) -> None:
    """Processes that are spawned do not run it again."""
    script = tmp_path / "plain.py"
    script.write_text(f"""
from pathlib import Path
from emollama_hf import extract
from tests.extraction.crops import OPTIONS, crops
print("begun", flush=True)
folder = Path({str(tmp_path)!r})
done = extract(crops(folder, 1, 2, 3), "random-tiny", num_readers=2, out=folder / "out", **OPTIONS)
print(list(done["emollama_status"]), __file__)
""")
    ran = second_process.run_script(script, environment={"PYTHONPATH": str(second_process.ROOT)}, check=True)
    assert ran.stdout.splitlines() == ["begun", f"['ok', 'ok', 'ok'] {script}"]


def test_readers_that_would_have_nothing_to_read_are_refused(tmp_path: Path) -> None:
    frames = np.zeros((2, 16, 32, 32, 3), np.uint8)
    ds = Dataset.from_dict({"facemae_frames": list(frames)})
    with pytest.raises(ValueError, match="num_readers=2 would have no effect"):
        extract(ds, "random-tiny", stages=["facemae_embed"], num_readers=2, out=tmp_path / "out")


RUN = """
import sys
from emollama_hf import extract
from tests.extraction.crops import OPTIONS, crops
from pathlib import Path
folder = Path(sys.argv[1])
if __name__ == "__main__":
    extract(crops(folder, *range(400)), "random-tiny", num_readers=2, out=folder / "out", **OPTIONS)
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[second_process.SecondProcess]:
    """A run in a process of its own that has begun to read."""
    (tmp_path / "run.py").write_text(RUN)
    environment: dict[str, str | None] = {"PYTHONPATH": str(second_process.ROOT)}
    process = second_process.start(RUN, tmp_path, script=tmp_path / "run.py", environment=environment)
    while len(children(process.pid)) < 2 and process.poll() is None:
        time.sleep(0.05)
    time.sleep(2)
    yield process
    if process.poll() is None:
        process.kill()
    process.wait()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_readers_end_with_their_parent(running: second_process.SecondProcess, how: signal.Signals) -> None:
    readers = children(running.pid)
    assert len(readers) == 2
    if how == signal.SIGINT:
        os.killpg(running.pid, how)  # as a terminal does
    else:
        running.kill()
    running.wait(60)
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{reader}").exists() for reader in readers):
        assert time.monotonic() < deadline, "readers outlived their parent"
        time.sleep(0.1)
