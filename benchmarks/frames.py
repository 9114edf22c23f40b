"""Time and memory of the frames stage: `python -m benchmarks.frames` prints one JSON line a measurement.

A clip's time is split into what cannot be avoided (reading the sampled frames, finding faces in them) and the
rest. Memory is the peak above the idle process, which has imported the libraries.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emollama_hf.frames import even_indices, open_video, sample_clip, segment_indices
from emollama_hf.frames.faces.detect import detect_faces
from tests import videos

SIZES = {"240p": (320, 240), "480p": (640, 480), "1080p": (1920, 1080)}


def main() -> None:
    """Print all measurements; the two-hour file takes a minute to make."""
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for label, size in SIZES.items():
            path = videos.write_video(folder / f"{label}.mp4", videos.pan(240, size=size))
            report(clip=f"{label}, 10 s, 240 frames", **in_new_process(clip_times, path))
        short = videos.write_video(folder / "group.mp4", videos.pan(240, size=SIZES["1080p"]), options={"g": "240"})
        long = videos.repeat_video(short, folder / "long.mp4", 720)
        report(clip="1080p, 2 h, 172,800 frames", **in_new_process(peak_memory, long))


def report(**measured: Any) -> None:
    print(json.dumps(measured), flush=True)


def in_new_process(function: Callable[..., dict[str, Any]], *args: Path) -> dict[str, Any]:
    """Run in a process of its own, so that one measurement's memory is not the next one's."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, args)


def clip_times(path: Path) -> dict[str, Any]:
    """Processor seconds of a clip, warm: indexing, reading, detecting, everything."""
    _warm_up(path)
    start = time.process_time()
    with open_video(path) as clip:
        opened = time.process_time()
        count = clip.info.frame_count
        wanted = sorted({*even_indices(count), *segment_indices(count), *even_indices(count, min(count, 64))})
        decoded = 0.0
        detected = 0.0
        last = time.process_time()
        for _, pixels in clip.frames(wanted):
            decoded += time.process_time() - last
            last = time.process_time()
            detect_faces(pixels)
            detected += time.process_time() - last
            last = time.process_time()
    start_all = time.process_time()
    with open_video(path) as clip:
        sample_clip(clip)
    total = time.process_time() - start_all
    index = opened - start
    return {
        "frames_read": len(wanted),
        "index_s": round(index, 3),
        "decode_s": round(decoded, 3),
        "detect_s": round(detected, 3),
        "total_s": round(total, 3),
        "total_over_decode_and_detect": round(total / (index + decoded + detected), 3),
    }


def peak_memory(path: Path) -> dict[str, Any]:
    """Peak above the process that has imported the libraries and nothing else, in MB."""
    import av  # noqa: F401
    import cv2  # noqa: F401
    import torch  # noqa: F401

    idle = peak_rss_mb()
    start = time.process_time()
    with open_video(path) as clip:
        info = clip.info
        sample_clip(clip)
    return {
        "frames": info.frame_count,
        "duration_s": info.duration_s,
        "file_mb": round(path.stat().st_size / 1e6, 1),
        "seconds": round(time.process_time() - start, 2),
        "idle_mb": round(idle),
        "peak_above_idle_mb": round(peak_rss_mb() - idle, 1),
    }


def peak_rss_mb() -> float:
    """Largest memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _warm_up(path: Path) -> None:
    with open_video(path) as clip:
        sample_clip(clip)


if __name__ == "__main__":
    main()
