"""The frames stage, and reading alone, against PyAV and the detector's network without this package.

The stage follows faces between the frames that it searches as a whole, so that its ratio is far below 1: what it does
must stay that much cheaper than searching every frame that it looks at.

In processor time: FFmpeg converts pictures in threads of its own, which are waited for where others use the core.
"""

from __future__ import annotations

import time
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.gating.clock import seconds_in_turns
from benchmarks.gating.ratio import Measurement, Ratio, Round

SIZE = (640, 480)
FRAMES_OF_CLIP, EVERY = 240, 3
READINGS = 3

FRAMES = Ratio(
    "frames",
    "processor time of the frames stage of a clip of 10 s to PyAV and the face detector's network on every frame that "
    "it looks at",
    "emollama_hf/frames/",
)
READING = Ratio(
    "reading",
    "processor time of indexing a clip and reading a third of its frames to the same with PyAV, which decodes all",
    "emollama_hf/frames/video/decode.py and reader.py",
)


@contextmanager
def open_frames(folder: Path) -> Iterator[Round]:
    """One clip of 10 s, some 90 of whose frames are looked at."""
    from emollama_hf.frames import open_video, sample_clip
    from emollama_hf.frames.sample import plan_clip
    from tests import videos

    path = videos.write_video(folder / "clip.mp4", videos.pan(FRAMES_OF_CLIP, size=SIZE))
    detector = _detector()
    with open_video(path) as clip:
        looked_at = {frame.number for frame in plan_clip(clip).frames}

    def stage() -> None:
        with open_video(path) as clip:
            sample_clip(clip)

    def plain() -> None:
        for picture in _decoded(path, looked_at):
            detector.detect(picture)

    stage()
    plain()
    yield lambda: {FRAMES.name: seconds_in_turns(stage, plain, times=1, clock=time.process_time)}


@contextmanager
def open_reading(folder: Path) -> Iterator[Round]:
    """One clip of 10 s, of which the stage wants every third frame."""
    from emollama_hf.frames import open_video
    from tests import videos

    path = videos.write_video(folder / "clip.mp4", videos.pan(FRAMES_OF_CLIP, size=SIZE))
    wanted = range(0, FRAMES_OF_CLIP, EVERY)

    def ours() -> None:
        with open_video(path) as clip:
            for _ in clip.frames(wanted):
                pass

    def plain() -> None:
        for _ in _decoded(path, wanted):
            pass

    ours()
    plain()
    yield lambda: {READING.name: seconds_in_turns(ours, plain, times=READINGS, clock=time.process_time)}


def _decoded(path: Path, wanted: Container[int]) -> Iterator[Any]:
    """All frames are decoded, and the wanted ones converted."""
    import av
    from av.video.reformatter import VideoReformatter

    reformatter = VideoReformatter()
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "NONE"  # one thread, as in this package
        container.streams.video[0].codec_context.thread_count = 1
        for number, frame in enumerate(container.decode(video=0)):
            if number in wanted:
                yield reformatter.reformat(frame, format="bgr24").to_ndarray()


def _detector() -> Any:
    from importlib.resources import files

    import cv2
    import numpy as np

    from emollama_hf.frames.opencv import errors_only

    cv2.setNumThreads(1)  # as the stage does
    weights = (files("emollama_hf") / "data" / "face_detection_yunet_2023mar.onnx").read_bytes()
    with errors_only():
        return cv2.FaceDetectorYN.create("onnx", np.frombuffer(weights, np.uint8), np.zeros(0, np.uint8), SIZE)


MEASUREMENTS = (Measurement((FRAMES,), open_frames), Measurement((READING,), open_reading))
