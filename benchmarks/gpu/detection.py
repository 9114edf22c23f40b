"""Faces on the device: the boxes that OpenCV finds, time by picture size and number together, and readers with both."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import numpy as np

from benchmarks.gpu.lines import Line, checked, measured
from benchmarks.gpu.settings import Settings
from benchmarks.peak import seconds_of

#: (width, height): whole frames of 16:9 and 4:3 as they are searched, and windows around a face.
SIZES = ((640, 360), (640, 480), (320, 240), (256, 256), (160, 160))
#: Pixels that a box or a landmark may be away from OpenCV's. Rounding moves them by less than a hundredth.
ALLOWED_PIXELS, ALLOWED_SCORE = 0.5, 1e-3
#: Closer to the threshold than this, rounding decides whether there is a face.
_SURE = 0.601
_MOST_READERS = 15  # of the table "The frames stage alone" in benchmarks/README.md


def detection(settings: Settings) -> Iterator[Line]:
    """Parity, then times of the network, of a round trip to the detector process, and of readers."""
    from emollama_hf.frames.faces.picture_exchange import is_possible
    from emollama_hf.frames.faces.torch_yunet import TorchYunet

    network = TorchYunet(settings.device)
    yield _parity(network, settings)
    for size in SIZES:
        yield from _times(network, size, settings)
    if not is_possible():
        yield measured("detector process: this system cannot share memory with it")
        return
    yield from _round_trips(settings)
    yield from _readers(settings)


def drawn(number: int, size: tuple[int, int]) -> np.ndarray:
    """A frame with one to four heads on a wall, (height, width, 3) uint8 BGR."""
    import cv2

    from tests import crowds

    people = [crowds.swaying(look, x=40 + 80 * look, amplitude=10, hertz=0.5) for look in range(1 + number % 4)]
    frame = crowds.Scene(people, seconds=60).frame(0.2 * number)
    return np.ascontiguousarray(cv2.resize(frame, size)[..., ::-1])


def _parity(network: Any, settings: Settings) -> Line:
    """Faces that are OpenCV's, alone and together with others of their size."""
    from emollama_hf.frames.faces.face_network import opencv_network

    pictures = [drawn(number, size) for size in SIZES for number in range(settings.detection_pictures)]
    together = network.rows_of_each(pictures)
    faces, pixels, score, other = 0, 0.0, 0.0, 0
    for picture, rows in zip(pictures, together, strict=True):
        expected = _sure(opencv_network().rows(picture))
        for found in (_sure(rows), _sure(network.rows(picture))):
            if found.shape != expected.shape:
                other += 1
                continue
            faces += len(found)
            apart = np.abs(found - expected)
            pixels = max(pixels, float(apart[:, :14].max(initial=0)))
            score = max(score, float(apart[:, 14].max(initial=0)))
    return checked(
        "faces against OpenCV's, alone and together",
        not other and faces > 0 and pixels <= ALLOWED_PIXELS and score <= ALLOWED_SCORE,
        pictures=len(pictures),
        faces=faces,
        pictures_with_other_faces=other,
        largest_pixels=pixels,
        largest_score=score,
    )


def _sure(rows: np.ndarray) -> np.ndarray:
    """Rows from left to right, without those that rounding may move across the threshold."""
    rows = rows[rows[:, 14] > _SURE]
    return rows[np.argsort(rows[:, 0])]


def _times(network: Any, size: tuple[int, int], settings: Settings) -> Iterator[Line]:
    """Milliseconds a picture, from the host's picture to the host's rows, by pictures together; OpenCV's beside it."""
    from emollama_hf.frames.faces.face_network import opencv_network

    pictures = [drawn(number, size) for number in range(max(settings.detection_batches))]
    alone = _thread_ms(lambda: opencv_network().rows(pictures[0]), settings.rounds)
    for count in settings.detection_batches:
        some = pictures[:count]

        def search(some: list[np.ndarray] = some) -> None:
            network.rows_of_each(some)

        seconds = sorted(
            seconds_of(search, settings.device, launches=3, rounds=settings.rounds, warm_up=settings.warm_up)
        )
        yield measured(
            f"{size[0]}x{size[1]}, {count} together",
            ms_a_picture=seconds[len(seconds) // 2] / count * 1e3,
            cpu_ms_a_picture=_thread_ms(search, settings.rounds) / count,
            opencv_cpu_ms=alone,
        )


def _thread_ms(function: Any, rounds: int) -> float:
    """Milliseconds of this thread's processor time a call."""
    function()
    started = time.thread_time()
    for _ in range(rounds):
        function()
    return (time.thread_time() - started) / rounds * 1e3


def _round_trips(settings: Settings) -> Iterator[Line]:
    """What a reader waits for and computes when the detector process searches its picture, and nobody else's."""
    from emollama_hf.engines.detector_process import DetectorProcess
    from emollama_hf.frames.faces.picture_exchange import ServedNetwork

    detector = DetectorProcess(settings.device)
    try:
        network = ServedNetwork(detector.address, smallest_pixels=0)
        for size in SIZES:
            picture = drawn(0, size)
            network.rows(picture)
            started, cpu = time.perf_counter(), time.thread_time()
            calls = 10 * settings.rounds
            for _ in range(calls):
                network.rows(picture)
            yield measured(
                f"{size[0]}x{size[1]}, round trip of one reader",
                ms=(time.perf_counter() - started) / calls * 1e3,
                reader_cpu_ms=(time.thread_time() - cpu) / calls * 1e3,
            )
    finally:
        detector.close()


def _readers(settings: Settings) -> Iterator[Line]:
    """Clips a second that readers alone take, each finding faces by itself, then all through one process."""
    from benchmarks.clip_files import clips
    from emollama_hf.engines.read_ahead import default_readers

    size = (640, 480) if settings.on_gpu else (160, 120)
    readers = settings.readers or min(_MOST_READERS, default_readers(1))
    rows = settings.detection_clips * readers
    ds = clips(settings.folder("detection"), rows + readers, size)
    for detector in (None, settings.device):
        seconds = _read_all(ds["video"], readers, detector)
        yield measured(
            f"{readers} readers of {size[0]}x{size[1]}, faces on {'their cores' if detector is None else detector}",
            clips=rows,
            clips_a_second=rows / seconds,
        )


def _read_all(paths: list[str], readers: int, detector: str | None) -> float:
    """Seconds for all but the first clips, a clip a reader, during which processes start and kernels are loaded."""
    from emollama_hf.engines.read_ahead import ReadAhead
    from emollama_hf.planning.task import Task
    from emollama_hf.rows import Rows
    from emollama_hf.stages import SampleFrames

    stage = SampleFrames(on_error="raise")
    ahead = ReadAhead([stage], readers=readers, together=1, device="cpu", detector=detector)

    def start(path: str) -> Future[Task]:
        return ahead.start(Task([0], Rows.from_batch({"video": [path]}), [{stage.name}], {}))

    try:
        for task in [start(path) for path in paths[:readers]]:
            _check(task.result())
        started = time.perf_counter()
        for task in [start(path) for path in paths[readers:]]:
            _check(task.result())
        return time.perf_counter() - started
    finally:
        ahead.close()


def _check(task: Any) -> None:
    for failure in task.failures.values():
        raise failure
