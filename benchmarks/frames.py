"""Time and memory of the frames stage: `python -m benchmarks.frames` prints one JSON line a measurement.

Clips of 10 s: the camera pans over a portrait, the same with a camera's grain, and a face of a fifth of the picture's
height sways and smiles now and then. The stage that follows faces (`after`) is compared with the one that searched
every frame (`before`, `benchmarks.searched_everywhere`) and with what neither can do without: indexing the file and
decoding the frames that the stage looks at (`reading`). The three take turns in one process; times are processor
seconds, medians of the rounds, and ratios are medians of each round's.

Memory is the peak above the idle process, which has imported the libraries.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.drawn_faces import DrawnFace, Frame, smiling, with_grain
from benchmarks.frames_steps import REST, STEPS, timed_steps
from benchmarks.markdown_part import add_option, part_asked_for
from benchmarks.searched_everywhere import sample as searched_everywhere
from emollama_hf.frames import SampleSettings, open_video, sample_clip
from emollama_hf.frames.sample import plan_clip
from tests import videos

SIZES = {"480p": (640, 480), "1080p": (1920, 1080)}
VERSIONS: dict[str, Callable[..., object]] = {"before": searched_everywhere.sample_clip, "after": sample_clip}
OTHERS = ("before", "reading")  # what the stage of now is compared with
SETTINGS = SampleSettings(peak="expressive")


def main() -> None:
    """Print all measurements; the two-hour file takes a minute to make."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="of both versions, for each clip")
    parser.add_argument("--only", choices=("time", "memory"), help="leave the other out")
    parser.add_argument("--sizes", nargs="*", choices=SIZES, default=list(SIZES), help="of the clips that are timed")
    add_option(parser)
    options = parser.parse_args()
    part = part_asked_for(parser, options.table, "frames steps")
    lines: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.only != "memory":
            for label in options.sizes:
                for kind, draw in CLIPS.items():
                    path = draw(folder / f"{label}.mp4", SIZES[label])
                    measured = in_new_process(clip_times, path, options.rounds)
                    lines.append({"clip": f"{kind}, {label}, 10 s", **measured})
                    report(**lines[-1])
        if options.only != "time":
            short = videos.write_video(folder / "group.mp4", videos.pan(240, size=(1920, 1080)), options={"g": "240"})
            long = videos.repeat_video(short, folder / "long.mp4", 720)
            for name, sample in VERSIONS.items():
                report(clip="1080p, 2 h, 172,800 frames", version=name, **in_new_process(peak_memory, long, sample))
    if part:
        part.fill(table(lines))


def pan(path: Path, size: tuple[int, int]) -> Path:
    """The camera moves; nothing differs between frames but that."""
    return videos.write_video(path, videos.pan(240, size=size))


def pan_with_grain(path: Path, size: tuple[int, int]) -> Path:
    return _as_recorded(path, with_grain(videos.pan(240, size=size), np.random.default_rng(0), 4.0), fps=24)


def smiling_face(path: Path, size: tuple[int, int]) -> Path:
    rng = np.random.default_rng(0)
    face = DrawnFace(smiling(rng, 0.2, size=size), size)
    return _as_recorded(path, face.frames(rng), fps=face.fps)


def _as_recorded(path: Path, frames: Iterator[Frame], fps: int) -> Path:
    # At a faster preset or a lower quality x264 smooths the grain away.
    return videos.write_video(path, frames, fps=fps, options={"preset": "medium", "crf": "20"})


CLIPS = {"pan": pan, "pan with grain": pan_with_grain, "face that smiles": smiling_face}


def report(**measured: Any) -> None:
    print(json.dumps(measured), flush=True)


def table(lines: Sequence[dict[str, Any]]) -> str:
    """Timed clips as Markdown: two rows each, before and after."""
    steps = (*STEPS, REST)
    heads = ["10 s", "Mbit/s", "", *(step.replace("_", " ") for step in steps), "all", "to before", "to reading"]
    rows = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    for line in lines:
        for name in ("before", "after"):
            seconds = [line[f"steps_{name}_s"][step] for step in steps] + [line[f"{name}_s"]]
            clip = [line["clip"].removesuffix(", 10 s"), str(line["megabit_s"])] if name == "before" else ["", ""]
            ratios = ["", ""] if name == "before" else [f"**{line[f'after_over_{of}']:.2f}**" for of in OTHERS]
            rows.append("| " + " | ".join([*clip, name, *(f"{value:.3f}" for value in seconds), *ratios]) + " |")
    return "\n".join(rows) + "\n"


def in_new_process(function: Callable[..., dict[str, Any]], *args: Any) -> dict[str, Any]:
    """Run in a process of its own, so that one measurement's memory is not the next one's."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, args)


def clip_times(path: Path, rounds: int) -> dict[str, Any]:
    """Processor seconds of a clip, warm, and what they are to each other."""
    with open_video(path) as clip:
        numbers = [frame.number for frame in plan_clip(clip, SETTINGS).frames]
    turns: dict[str, Callable[[Path], dict[str, float]]] = {
        "before": lambda path: stage_steps(path, VERSIONS["before"]),
        "after": lambda path: stage_steps(path, VERSIONS["after"]),
        "reading": lambda path: {"reading": reading_seconds(path, numbers)},
    }
    for turn in turns.values():
        turn(path)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in turns}
    for _ in range(rounds):
        for name, turn in turns.items():
            found[name].append(turn(path))
    totals = {name: np.array([sum(one.values()) for one in found[name]]) for name in turns}
    steps = {
        name: {step: round(median(one.get(step, 0.0) for one in found[name]), 3) for step in (*STEPS, REST)}
        for name in ("before", "after")
    }
    return {
        "megabit_s": round(path.stat().st_size * 8 / 10 / 1e6, 1),
        "rounds": rounds,
        "load": round(os.getloadavg()[0], 1),
        **{f"{name}_s": round(float(np.median(total)), 3) for name, total in totals.items()},
        "after_over_before": _ratio(totals["after"], totals["before"]),
        "after_over_reading": _ratio(totals["after"], totals["reading"]),
        "steps_before_s": steps["before"],
        "steps_after_s": steps["after"],
    }


def _ratio(one: np.ndarray, other: np.ndarray) -> float:
    return round(float(np.median(one / other)), 3)


def stage_steps(path: Path, sample: Callable[..., object]) -> dict[str, float]:
    """Processor seconds of a version of the stage, by step."""
    with timed_steps() as timer, ExitStack() as opened:
        with timer.step("index"):
            clip = opened.enter_context(open_video(path))
        sample(clip, SETTINGS)
    return timer.seconds


def reading_seconds(path: Path, numbers: Sequence[int]) -> float:
    """Processor seconds of opening a clip and decoding the frames that the stage looks at."""
    start = time.process_time()
    with open_video(path) as clip:
        for _ in clip.pictures(numbers):
            pass
    return time.process_time() - start


def peak_memory(path: Path, sample: Callable[..., object] = sample_clip) -> dict[str, Any]:
    """Peak above the process that has imported the libraries and nothing else, in MB."""
    import av  # noqa: F401
    import cv2  # noqa: F401
    import torch  # noqa: F401

    idle = peak_rss_mb()
    start = time.process_time()
    with open_video(path) as clip:
        info = clip.info
        sample(clip, SETTINGS)
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


if __name__ == "__main__":
    main()
