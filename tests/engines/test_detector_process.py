"""The process that finds faces for readers: the same faces, and nobody waits for one that has died."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from datasets import Dataset
from numpy.typing import NDArray

from emollama_hf import extract
from emollama_hf.console import timing
from emollama_hf.engines import local
from emollama_hf.engines.detector_process import DetectorProcess, serve
from emollama_hf.errors import ModelError
from emollama_hf.frames.faces import picture_exchange
from emollama_hf.frames.faces.face_network import opencv_network
from emollama_hf.frames.faces.picture_exchange import ServedNetwork, is_possible, listening_socket
from emollama_hf.frames.faces.torch_yunet import TorchYunet
from tests import second_process, videos
from tests.engines.test_read_ahead import children

Frame = NDArray[np.uint8]
pytestmark = pytest.mark.skipif(not is_possible(), reason="pictures are exchanged on Linux alone")


@pytest.fixture(autouse=True)
def _all_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of any size go to the process."""
    monkeypatch.setattr(picture_exchange, "SMALLEST_PIXELS", 0)


@pytest.fixture(scope="module")
def detector() -> Iterator[DetectorProcess]:
    process = DetectorProcess("cpu")
    yield process
    process.close()


def bgr(width: int = 320, height: int = 240, **where: float) -> Frame:
    return np.ascontiguousarray(videos.shot(size=(width, height), **where)[..., ::-1])


def test_readers_get_the_faces_that_opencv_finds(detector: DetectorProcess) -> None:
    sizes = [(320, 240), (64, 64), (1, 1), (333, 97), (640, 480), (160, 160)]

    def ask(number: int) -> list[Any]:
        network = ServedNetwork(detector.address)
        asked = sizes[number:] + sizes[:number]
        return [(size, network.rows(bgr(*size, x=110 + number))) for size in asked]

    with ThreadPoolExecutor(4) as readers:
        answers = list(readers.map(ask, range(4)))
    faces = 0
    for number, answer in enumerate(answers):
        for size, rows in answer:
            assert rows == pytest.approx(opencv_network().rows(bgr(*size, x=110 + number)), abs=1e-2)
            faces += len(rows)
    assert faces > 8


def test_rows_stay_as_they_are_when_the_next_picture_is_sent(detector: DetectorProcess) -> None:
    network = ServedNetwork(detector.address)
    first = network.rows(bgr())
    before = first.copy()
    assert len(network.rows(np.zeros((240, 320, 3), np.uint8))) == 0
    assert np.array_equal(first, before)


def test_a_crowd_of_two_hundred_fits_into_the_memory_of_its_picture(detector: DetectorProcess) -> None:
    crowd = np.tile(cv2.resize(bgr()[40:160, 90:190], (32, 40)), (20, 20, 1))
    assert len(ServedNetwork(detector.address).rows(crowd)) >= 200


def test_small_pictures_are_searched_by_the_reader_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_exchange, "SMALLEST_PIXELS", 256 * 256)
    nobody = ServedNetwork("\0nobody")
    small = bgr(160, 160)
    assert np.array_equal(nobody.rows(small), opencv_network().rows(small))
    with pytest.raises(ModelError, match="detector='cpu'"):
        nobody.rows(bgr(256, 256))


class Gated:
    """The network, which waits for a signal before it searches, and notes how many pictures it was given."""

    def __init__(self) -> None:
        self.network = TorchYunet("cpu")
        self.go = threading.Event()
        self.given: list[int] = []

    def rows_of_each(self, pictures: Sequence[Frame]) -> list[NDArray[np.float32]]:
        self.given.append(len(pictures))
        assert self.go.wait(60)
        return self.network.rows_of_each(pictures)


def test_pictures_that_wait_are_searched_together() -> None:
    listener, address = listening_socket()
    gated = Gated()
    threading.Thread(target=serve, args=(listener, gated), daemon=True).start()
    with ThreadPoolExecutor(5) as readers:
        first = readers.submit(ServedNetwork(address).rows, bgr())
        while not gated.given:
            time.sleep(0.01)
        others = [readers.submit(ServedNetwork(address).rows, bgr()) for _ in range(4)]
        time.sleep(0.5)  # the four have asked, and their messages wait
        gated.go.set()
        expected = opencv_network().rows(bgr())
        for one in (first, *others):
            assert one.result(60) == pytest.approx(expected, abs=1e-2)
    assert gated.given == [1, 4]


def _ask_for_ever(address: str, begun: Any) -> None:
    network = ServedNetwork(address)
    while True:
        network.rows(np.zeros((480, 640, 3), np.uint8))
        begun.set()


def test_a_reader_that_is_killed_holds_up_nobody(detector: DetectorProcess) -> None:
    context = multiprocessing.get_context("spawn")
    begun = context.Event()
    reader = context.Process(target=_ask_for_ever, args=(detector.address, begun))
    reader.start()
    network, expected = ServedNetwork(detector.address), opencv_network().rows(bgr())
    assert begun.wait(60)
    reader.kill()
    for _ in range(3):
        assert network.rows(bgr()) == pytest.approx(expected, abs=1e-2)
    reader.join()


@pytest.mark.parametrize("message", [b"x", bytes(16), b"\x10\0\0\0\x10\0\0\0" + bytes(8), b"\xff" * 16])
def test_who_sends_something_else_is_dropped_alone(detector: DetectorProcess, message: bytes) -> None:
    other = ServedNetwork(detector.address)
    other.rows(bgr())
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
        stranger.connect(detector.address)
        stranger.sendall(message)
        stranger.settimeout(30)
        assert stranger.recv(100) == b""
    assert len(other.rows(bgr())) == 1


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody else")
def test_a_process_of_another_user_gets_no_answer(detector: DetectorProcess) -> None:
    child = os.fork()
    if not child:
        try:
            os.setuid(65534)
            ServedNetwork(detector.address).rows(np.zeros((240, 320, 3), np.uint8))
            os._exit(0)
        except ModelError:
            os._exit(7)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert len(ServedNetwork(detector.address).rows(bgr())) == 1


def test_readers_are_told_why_the_network_cannot_be_loaded() -> None:
    detector = DetectorProcess("cuda:0")  # tests see no GPU
    try:
        with pytest.raises(ModelError, match=r"finding faces failed: .*(CUDA|NVIDIA)"):
            ServedNetwork(detector.address).rows(bgr())
    finally:
        detector.close()


def test_a_reader_that_may_give_up_says_why_once_and_searches_by_itself() -> None:
    for device, reason in (("cpu", "died"), ("cuda:0", "finding faces failed: ")):  # tests see no GPU
        detector, reasons = DetectorProcess(device), list[str]()
        network = ServedNetwork(detector.address, give_up=reasons.append)
        if device == "cpu":
            assert len(network.rows(bgr())) == 1
            os.kill(detector.pid, signal.SIGKILL)
        for x in (100, 118):
            assert np.array_equal(network.rows(bgr(x=x)), opencv_network().rows(bgr(x=x)))
        assert len(reasons) == 1
        assert reason in reasons[0]
        detector.close()


def test_a_detector_that_was_killed_is_one_clear_error() -> None:
    detector = DetectorProcess("cpu")
    known, new = ServedNetwork(detector.address), ServedNetwork(detector.address)
    assert len(known.rows(bgr())) == 1
    os.kill(detector.pid, signal.SIGKILL)
    for network in (known, known, new):
        with pytest.raises(ModelError, match="the process that finds faces on the GPU died"):
            network.rows(bgr())
    detector.close()


@pytest.fixture
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> list[DetectorProcess]:
    """Runs have a detector process, whose device is the CPU; those that were started."""
    started: list[DetectorProcess] = []

    class Noted(DetectorProcess):
        def __init__(self, device: str) -> None:
            super().__init__(device)
            started.append(self)

    monkeypatch.setattr(local, "detector_device", lambda *_: "cpu")
    monkeypatch.setattr("emollama_hf.engines.read_ahead.DetectorProcess", Noted)
    return started


def test_rows_of_a_run_are_those_without_it(on_the_cpu: list[DetectorProcess], tmp_path: Path) -> None:
    paths = [str(videos.write_video(tmp_path / f"{i}.mp4", videos.pan(12, size=(640, 480)))) for i in range(2)]
    (tmp_path / "none.mp4").write_text("no video")
    ds = Dataset.from_dict({"video": [*paths, str(tmp_path / "none.mp4")]})
    options = {
        "stages": ["sample_frames", "facemae_embed"], "keep": "facemae_frames", "num_frames": 4, "peak_candidates": 6,
    }  # fmt: skip
    served = extract(ds, "random-tiny", num_readers=2, out=tmp_path / "served", **options)
    alone = extract(ds, "random-tiny", num_readers=0, out=tmp_path / "alone", **options)
    assert len(on_the_cpu) == 1
    assert not Path(f"/proc/{on_the_cpu[0].pid}").exists()
    assert served["emollama_status"] == alone["emollama_status"] == ["ok", "ok", "not_a_video"]
    for row in range(2):
        for column in ("face_boxes", "face_scores"):
            assert np.asarray(served[row][column]) == pytest.approx(np.asarray(alone[row][column]), abs=1e-2)
        assert served[row]["peak_index"] == alone[row]["peak_index"]
        crops_apart = np.abs(np.subtract(served[row]["facemae_frames"], alone[row]["facemae_frames"], dtype=np.int64))
        assert crops_apart.max() <= 1


def picture_folders(folder: Path, count: int) -> Dataset:
    """Clips of three pictures each, all of them different."""
    frames, paths = [videos.shot(size=(640, 480), x=100 + i) for i in range(3)], []
    for number in range(count):
        clip = folder / f"clip{number}"
        clip.mkdir()
        for i, frame in enumerate(frames):
            frame[0, 0] = number
            cv2.imwrite(str(clip / f"{i}.png"), frame[..., ::-1])
        paths.append(str(clip))
    return Dataset.from_dict({"frames": paths})


def killed_after_the_first_clip(started: list[DetectorProcess]) -> threading.Thread:
    def kill_it() -> None:
        while "facemae_embed" not in timing.stage_times():
            time.sleep(0.01)
        os.kill(started[0].pid, signal.SIGKILL)

    timing.reset()
    killer = threading.Thread(target=kill_it)
    killer.start()
    return killer


def test_a_detector_that_was_asked_for_and_dies_ends_the_run_with_what_is_kept(
    on_the_cpu: list[DetectorProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emollama_hf.stages.sample_frames.detector_gpu", lambda: "cpu")
    count, ds = 30, picture_folders(tmp_path, 30)
    options: dict[str, Any] = {"stages": ["facemae_embed"], "num_frames": 3, "peak": "middle", "out": tmp_path / "out"}
    killer = killed_after_the_first_clip(on_the_cpu)
    with pytest.raises(ModelError, match=r"the process that finds faces on the GPU died.*--detector cpu"):
        extract(ds, "random-tiny", num_readers=1, detector="gpu", **options)
    killer.join()
    kept = timing.stage_times()["facemae_embed"].rows
    assert 0 < kept < count
    timing.reset()
    done = extract(ds, "random-tiny", num_readers=0, **options)
    assert set(done["emollama_status"]) == {"ok"}
    assert timing.stage_times()["facemae_embed"].rows == count - kept


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


ON_CORES = "readers find faces on their cores from here on, which takes longer: "


def test_a_detector_that_nobody_asked_for_and_that_dies_is_one_warning(
    on_the_cpu: list[DetectorProcess], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ds = picture_folders(tmp_path, 20)
    options: dict[str, Any] = {"stages": ["facemae_embed"], "num_frames": 3, "peak": "middle", "out": tmp_path / "out"}
    killer = killed_after_the_first_clip(on_the_cpu)
    done = extract(ds, "random-tiny", num_readers=2, **options)
    killer.join()
    assert done["emollama_status"] == ["ok"] * 20
    assert set(done["face_coverage"]) == {1.0}
    died = "the process that finds faces on the GPU died (often a lack of memory)"
    assert warnings_of(caplog) == [ON_CORES + died]


@pytest.mark.parametrize("how", ["network", "process"])
def test_a_detector_that_nobody_asked_for_and_that_cannot_start_is_one_warning(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(local, "detector_device", lambda *_: "cuda:0")  # tests see no GPU
    if how == "process":
        monkeypatch.setattr("emollama_hf.engines.read_ahead.DetectorProcess", no_process)
    ds = picture_folders(tmp_path, 3)
    options: dict[str, Any] = {"stages": ["facemae_embed"], "num_frames": 3, "peak": "middle"}
    done = extract(ds, "random-tiny", num_readers=2, out=tmp_path / "out", **options)
    alone = extract(ds, "random-tiny", num_readers=0, out=tmp_path / "alone", **options)
    for column in ("face_boxes", "face_scores", "facemae"):
        assert np.array_equal(done[column], alone[column])
    (said,) = warnings_of(caplog)
    assert said.startswith(ON_CORES)
    assert ("finding faces failed" if how == "network" else "Resource temporarily unavailable") in said


def test_a_detector_that_was_asked_for_and_cannot_start_ends_the_run(
    on_the_cpu: list[DetectorProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emollama_hf.stages.sample_frames.detector_gpu", lambda: "cpu")
    monkeypatch.setattr("emollama_hf.engines.read_ahead.DetectorProcess", no_process)
    with pytest.raises(ModelError, match=r"could be started: Resource temporarily unavailable.*--detector cpu"):
        extract(
            picture_folders(tmp_path, 1), "random-tiny", num_readers=1, stages=["facemae_embed"], detector="gpu",
            num_frames=3, peak="middle", out=tmp_path / "out",
        )  # fmt: skip
    assert on_the_cpu == []


def no_process(_: str) -> DetectorProcess:
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))


RUN = """
import sys
from pathlib import Path
from emollama_hf import extract
from emollama_hf.engines import local
from tests.extraction.crops import OPTIONS, crops
folder = Path(sys.argv[1])
local.detector_device = lambda *_: "cpu"
extract(crops(folder, *range(400)), "random-tiny", num_readers=1, out=folder / "out", **OPTIONS)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_it_ends_with_its_parent(how: signal.Signals, tmp_path: Path) -> None:
    environment: dict[str, str | None] = {"PYTHONPATH": str(second_process.ROOT)}
    process = second_process.start(RUN, tmp_path, environment=environment)
    try:
        while len(children(process.pid)) < 2:
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(2)
        started = children(process.pid)
        assert len(started) == 2
        if how == signal.SIGINT:
            os.killpg(process.pid, how)  # as a terminal does
            process.wait(60)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{one}").exists() for one in started):
        assert time.monotonic() < deadline, "a process outlived its parent"
        time.sleep(0.1)
