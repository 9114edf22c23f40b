"""`engine="ray"` in a real Ray of two CPUs: equal to the local engine whoever is killed, and clear about mistakes."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset

from emollama_hf import estimate, extract
from emollama_hf.checkpoints import open_model
from emollama_hf.checkpoints.write import write_model
from emollama_hf.console import timing
from emollama_hf.engines import ray_data
from emollama_hf.engines.ray_cluster import joined
from emollama_hf.engines.ray_data import SETTINGS, _settings
from emollama_hf.engines.ray_pools import Node, Pool, plan_pools
from emollama_hf.errors import ClipError, StoreError
from emollama_hf.work_store.work_store import INSIDE_OUT, WorkStore
from tests import second_process
from tests.engines.ray_processes import marked, quick_workers, quick_workers_of, shards, until
from tests.extraction.crops import OPTIONS, crops
from tests.videos import pan, write_audio_only, write_video, zoom

VIDEO_OPTIONS = {"peak": "middle"}
#: A token would be written into the home directory.
OPEN = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """HOST:PORT of a Ray of two CPUs, started by another process, which ends it when this one says so or ends."""
    code = """
import sys
import ray
ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=150_000_000,
         _node_ip_address="127.0.0.1")
print(ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
ray.shutdown()
"""
    theirs, ours = os.pipe()
    started = second_process.start(code, environment=OPEN, stdin=theirs, with_package=False)
    os.close(theirs)
    try:
        yield until(lambda: started.printed().strip(), still=lambda: started.poll())
    finally:
        os.close(ours)
        started.wait()


@pytest.fixture
def cluster(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """HOST:PORT of a Ray that this process has joined, for one test: drivers rarely live through many runs."""
    import ray

    for name, value in OPEN.items():
        monkeypatch.setenv(name, value)
    ray.init(address, log_to_driver=False, runtime_env=quick_workers())
    yield address
    ray.shutdown()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the encoders of random-tiny."""
    source = open_model("random-tiny")
    folder = tmp_path_factory.mktemp("home") / "model"
    encoders = {"facemae": source.load("facemae"), "videomae": source.load("videomae")}
    return write_model(folder, **encoders, provenance={})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two clips that work, one of them twice, one with sound alone, and one that is not there."""
    folder = tmp_path_factory.mktemp("videos")
    a = write_video(folder / "a.mp4", pan(24))
    b = write_video(folder / "b.mp4", zoom(20))
    sound = write_audio_only(folder / "sound.mp4")
    paths = [str(path) for path in (a, sound, b, a, folder / "missing.mp4")]
    return Dataset.from_dict({"video": paths, "uuid": list("abcde")})


def assert_same(done: Dataset, expected: Dataset) -> None:
    assert done.features == expected.features
    assert done.column_names == expected.column_names
    left, right = done.data.table, expected.data.table
    for name in done.column_names:
        one, other = left.column(name).combine_chunks(), right.column(name).combine_chunks()
        # NaN, in the boxes of faces that nobody looked for, equals nothing.
        assert one.equals(other) or repr(one.to_pylist()) == repr(other.to_pylist()), name


def actors() -> list[int]:
    """Processes of the cluster's actors that run stages."""
    return [pid for pid, command in marked(second_process.MARK).items() if "TaskRunner" in command]


def exchanges() -> list[int]:
    """Processes of the cluster's actors that hand out tasks."""
    return [pid for pid, command in marked(second_process.MARK).items() if "Exchange" in command]


def rows_computed(call: Callable[[], Dataset]) -> tuple[Dataset, int]:
    timing.reset()
    done = call()
    times = timing.stage_times()
    return done, times["emollama_embed"].rows if "emollama_embed" in times else 0


@contextmanager
def every_thread() -> Iterator[None]:
    """As many threads as a worker that has its node for itself: with another number results differ by rounding."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("num_proc", [1, 2, None])
def test_the_result_is_that_of_the_local_engine(
    num_proc: int | None, videos: Dataset, cluster: str, tmp_path: Path
) -> None:
    keep = ["facemae_frames", "peak_frame"] if num_proc == 1 else []
    ways: dict[str, Any] = {"num_proc": num_proc, "keep": keep, **VIDEO_OPTIONS}
    with every_thread() if num_proc is None else nullcontext():
        expected = extract(videos, "random-tiny", out=tmp_path / "local", **ways)
    if num_proc is None:  # a worker that has imported torch keeps its threads: these must be fresh interpreters
        videos.save_to_disk(str(tmp_path / "videos"))
        code = f"""
from datasets import load_from_disk
from emollama_hf import extract
extract(load_from_disk({str(tmp_path / "videos")!r}), "random-tiny", out={str(tmp_path / "ray")!r}, engine="ray",
        address={cluster!r}, **{ways!r})
"""
        second_process.run(code, check=True)
    done = extract(videos, "random-tiny", out=tmp_path / "ray", engine="ray", **ways)
    assert done["emollama_status"] == ["ok", "no_video_stream", "ok", "ok", "missing_file"]
    assert_same(done, expected)
    again, rows = rows_computed(lambda: extract(videos, "random-tiny", out=tmp_path / "ray", engine="ray", **ways))
    assert rows == 0
    assert_same(again, expected)


def test_two_lanes_an_actor_give_what_one_gives(cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on GPUs."""

    def with_lanes(*arguments: Any) -> list[Pool]:
        return [replace(pool, lanes=2 if pool.has_model else 1) for pool in plan_pools(*arguments)]

    ds, ways = crops(tmp_path / "clips", *range(12)), {"shard_rows": 5, "num_proc": 1, **OPTIONS}
    expected = extract(ds, "random-tiny", out=tmp_path / "local", **ways)
    monkeypatch.setattr(ray_data, "plan_pools", with_lanes)
    done, rows = rows_computed(lambda: extract(ds, "random-tiny", out=tmp_path / "ray", engine="ray", **ways))
    assert rows == 12
    assert_same(done, expected)


def test_killed_actors_lose_and_double_no_row(cluster: str, tmp_path: Path) -> None:
    ds = crops(tmp_path / "clips", *range(30))
    out, killed = tmp_path / "out", []

    def kill() -> None:
        for count in (1, 4):
            until(lambda count=count: shards(out) >= count)
            for pid in actors():
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

    killer = threading.Thread(target=kill)
    killer.start()
    ways: dict[str, Any] = {"shard_rows": 3, "num_proc": 1, **OPTIONS}
    done, rows = rows_computed(lambda: extract(ds, "random-tiny", out=out, engine="ray", **ways))
    killer.join()
    assert len(set(killed)) == 4, "each pool's actor, twice"
    assert rows == 30, "what a killed actor had not sent back counts once"
    assert_same(done, extract(ds, "random-tiny", out=tmp_path / "local", **ways))


def test_a_killed_driver_resumes(cluster: str, tmp_path: Path) -> None:
    ds, out = crops(tmp_path / "clips", *range(30)), tmp_path / "out"
    code = f"""
from pathlib import Path
from emollama_hf import extract
from tests.extraction.crops import OPTIONS, crops
extract(crops(Path({str(tmp_path / "clips")!r}), *range(30)), "random-tiny", out={str(out)!r}, engine="ray",
        address={cluster!r}, num_proc=1, shard_rows=2, **OPTIONS)
"""
    until(lambda: not actors())
    driver = second_process.start(code, environment=quick_workers_of({}))
    until(lambda: driver.poll() is not None or shards(out) >= 3)
    driver.kill()
    assert driver.wait() == -signal.SIGKILL
    published = len({key for stage, key in WorkStore(out / INSIDE_OUT)._found if stage == "emollama_embed"})
    assert 6 <= published < 30
    until(lambda: not actors())
    done, rows = rows_computed(
        lambda: extract(ds, "random-tiny", out=out, engine="ray", num_proc=1, shard_rows=2, **OPTIONS)
    )
    assert rows == 30 - published
    assert_same(done, extract(ds, "random-tiny", out=tmp_path / "local", num_proc=1, **OPTIONS))


def test_a_failed_clip_ends_the_run_and_what_was_finished_is_kept(cluster: str, tmp_path: Path) -> None:
    ds = crops(tmp_path / "clips", *range(12))
    np.save(tmp_path / "clips" / "11.npy", np.zeros((0, 24, 24, 3), np.uint8))
    ways: dict[str, Any] = {"on_error": "raise", "num_proc": 1, **OPTIONS}
    with pytest.raises(ClipError, match=r"11\.npy") as raised:
        extract(ds, "random-tiny", out=tmp_path / "out", engine="ray", **ways)
    assert raised.value.kind == "no_frames"
    assert len(WorkStore(tmp_path / "out" / INSIDE_OUT).shard_names) == 1
    until(lambda: not actors())


def test_an_error_of_a_stage_arrives_as_it_is(cluster: str, model: Path, tmp_path: Path) -> None:
    """Weights that are damaged, and look as they did when they were recorded."""
    shutil.copytree(model, tmp_path / "model")
    weights = tmp_path / "model" / "facemae" / "model.safetensors"
    before, data = weights.stat(), bytearray(weights.read_bytes())
    data[:100] = bytes(100)
    weights.write_bytes(data)
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    ds = crops(tmp_path / "clips", 1)
    errors = []
    for engine in ("local", "ray"):
        with pytest.raises(Exception) as raised:  # noqa: PT011
            extract(ds, tmp_path / "model", stages="facemae_embed", engine=engine, num_proc=1, **OPTIONS)
        errors.append(raised.value)
    local, ray = errors
    assert (type(ray), str(ray)) == (type(local), str(local))


@pytest.mark.parametrize("there", ["nothing", "another model"])
def test_a_node_without_the_model_is_named(there: str, cluster: str, model: Path, tmp_path: Path) -> None:
    """The workers have another home directory than the driver."""
    home = tmp_path / "home"
    home.mkdir()
    if there == "another model":
        shutil.copytree(model, home / "model")
        config = home / "model" / "facemae" / "config.json"
        config.write_text(config.read_text() + "\n")
    crops(tmp_path / "clips", 1, 2)
    code = f"""
from pathlib import Path
import ray
from emollama_hf import extract
from emollama_hf.errors import ModelError
from tests.extraction.crops import OPTIONS, crops
ray.init({cluster!r}, runtime_env={{"env_vars": {{"HOME": {str(home)!r}}}}}, log_to_driver=False)
try:
    extract(crops(Path({str(tmp_path / "clips")!r}), 1, 2), "~/model", stages="facemae_embed", engine="ray", **OPTIONS)
except ModelError as error:
    print(error)
assert ray.is_initialized()
"""
    ran = second_process.run(code, environment=quick_workers_of({"HOME": str(model.parent)}))
    assert ran.returncode == 0, ran.stderr
    assert f"node {socket.gethostname()}: " in ran.stdout
    assert "copy them to ~/model there" in ran.stdout
    assert ("has another facemae there" if there == "another model" else "there is no such directory") in ran.stdout


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"engine": "local", "address": "10.0.0.1:6379"}, ValueError, "address='10.0.0.1:6379' would have no effect"),
        ({"engine": "spark"}, ValueError, "'local', 'ray'"),
        ({"num_proc": 3}, ValueError, "num_proc=3: the cluster has 2 CPUs"),
        ({"device": "cuda"}, ValueError, "device='cuda' was asked for"),
        ({"address": "ray://127.0.0.1:10001"}, ValueError, "ray job submit"),
        ({"address": "somewhere"}, ValueError, "expected HOST:PORT"),
        ({"address": "127.0.0.1:1"}, ConnectionError, r"no Ray answers at 127.0.0.1:1 \(Connection refused\)"),
    ],
)
def test_what_cannot_work_is_an_error_within_seconds(
    options: dict[str, Any], kind: type[Exception], message: str, cluster: str, tmp_path: Path
) -> None:
    import torch

    if options.get("device") == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    ds = crops(tmp_path / "clips", 1)
    started = time.monotonic()
    with pytest.raises(kind, match=message):
        extract(ds, "random-tiny", **{"engine": "ray", **OPTIONS, **options})
    assert time.monotonic() - started < 15


def test_ray_datas_settings_hold_for_one_run() -> None:
    from ray.data import DataContext

    context = DataContext.get_current()
    before = {name: getattr(context, name) for name in SETTINGS}
    with _settings():
        assert {name: getattr(context, name) for name in SETTINGS} == SETTINGS
    assert {name: getattr(context, name) for name in SETTINGS} == before
    assert before["execution_no_progress_timeout_s"] != SETTINGS["execution_no_progress_timeout_s"]


def test_another_cluster_than_the_one_joined_is_refused(cluster: str) -> None:
    port = cluster.rpartition(":")[2]
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with (
            pytest.raises(ValueError, match=f"this process has joined the cluster at {cluster} before"),
            joined(address),
        ):
            pass
    for same in (None, "auto", cluster, f"localhost:{port}"):
        with joined(same) as nodes:
            assert nodes == [Node(2.0, 0.0)]


def test_a_number_type_that_differs_between_here_and_the_cluster_is_asked_for(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU: there is no difference")
    code = f"""
import ray
from pathlib import Path
from emollama_hf import extract
from tests.extraction.crops import OPTIONS, crops
# Ray takes anybody's word for the GPUs of a machine.
ray.init("local", num_cpus=2, num_gpus=1, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1",
         object_store_memory=100_000_000)
try:
    extract(crops(Path({str(tmp_path)!r}), 1), "random-tiny", engine="ray", **OPTIONS)
except ValueError as error:
    print(error)
ray.shutdown()
"""
    environment: dict[str, str | None] = {
        **OPEN, "PYTHONPATH": str(second_process.ROOT),
        "CUDA_VISIBLE_DEVICES": "99",  # for Ray one GPU, for torch none
    }  # fmt: skip
    told = second_process.run(code, environment=environment, check=True)
    assert "dtype='auto' would be one type here and another on the cluster" in told.stdout


@pytest.mark.parametrize("where", ["the computation", "the planner"])
def test_a_planner_that_fails_ends_the_run(
    where: str, cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from emollama_hf.engines.ray_source import Planner
    from emollama_hf.planning.computation import Computation

    class Odd(Exception):
        def __reduce__(self) -> Any:
            raise TypeError("cannot be pickled")

    def fail(*_: Any) -> Any:
        raise Odd("out of order")

    monkeypatch.setattr(*((Computation, "task") if where == "the computation" else (Planner, "_plan")), fail)
    with pytest.raises((RuntimeError, StoreError), match="out of order" if where == "the computation" else "Ray ended"):
        extract(crops(tmp_path / "clips", 1, 2), "random-tiny", engine="ray", **OPTIONS)


def test_an_exchange_that_does_not_answer_ends_the_run(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from emollama_hf.engines import ray_source

    monkeypatch.setattr(ray_source, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(ray_source, "SILENT_SECONDS", 60.0)  # on a busy machine it takes a while to start
    ds, out = crops(tmp_path / "clips", *range(30)), tmp_path / "out"
    stopped: list[int] = []

    def stop() -> None:
        until(lambda: shards(out) >= 1)
        monkeypatch.setattr(ray_source, "SILENT_SECONDS", 3.0)
        for pid in exchanges():
            os.kill(pid, signal.SIGSTOP)
            stopped.append(pid)

    stopper = threading.Thread(target=stop)
    stopper.start()
    ways: dict[str, Any] = {"shard_rows": 2, "num_proc": 1, **OPTIONS}
    with pytest.raises(StoreError, match=r"no answer .* for \d+ s\. .* What was finished before is kept"):
        extract(ds, "random-tiny", out=out, engine="ray", **ways)
    stopper.join()
    assert len(stopped) == 1
    until(lambda: not exchanges() and not actors())
    done, rows = rows_computed(lambda: extract(ds, "random-tiny", out=out, engine="ray", **ways))
    assert 0 < rows < 30
    assert_same(done, extract(ds, "random-tiny", out=tmp_path / "local", **ways))


def test_the_local_engine_does_not_import_ray(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from emollama_hf import extract
from tests.extraction.crops import OPTIONS, crops
extract(crops(Path({str(tmp_path)!r}), 1), "random-tiny", **OPTIONS)
assert "ray" not in sys.modules
"""
    second_process.run(code, check=True)


def test_stages_in_a_cluster_worker_keep_the_digest_that_they_came_with(model: Path) -> None:
    """Sixteen gigabytes are not hashed again by each worker."""
    from emollama_hf.stages import FaceMAEEmbed

    stage = FaceMAEEmbed(str(model))
    code = f"""
import pickle, sys
from emollama_hf.computing import process
process.become_worker(3)
stage = pickle.loads({pickle.dumps(stage)!r})
assert process.is_worker()
assert stage._digest == {stage.model_digest()!r}
process.prepare_to_compute()
import torch
assert torch.get_num_threads() == 3
"""
    second_process.run(code, with_package=False, check=True)


def test_an_estimate_divides_the_rest_among_the_workers_of_the_cluster(
    cluster: str, videos: Dataset, tmp_path: Path
) -> None:
    found = estimate(
        videos, "random-tiny", out=tmp_path / "f", sample=2, engine="ray", address=cluster, **VIDEO_OPTIONS
    )
    assert (found.computed, found.left) == (2, 1)
    assert [load.called for load in found.loads] == ["1 Ray worker", "1 Ray worker", "this process"]
    assert found.loads[0].a_clip_s > 0
    assert found.time.expected > 0
    _, computed = rows_computed(lambda: extract(videos, "random-tiny", out=tmp_path / "f", **VIDEO_OPTIONS))
    assert computed <= 1, "of three clips that differ two were computed for the estimate"
