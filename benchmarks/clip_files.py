"""Rows of video files for measurements: each with content of its own, of which two were encoded. Needs PyAV."""

from __future__ import annotations

from pathlib import Path

from datasets import Dataset

from tests import videos

SECONDS, RATE = 10, 25


def clips(folder: Path, count: int, size: tuple[int, int]) -> Dataset:
    """Distinct files: a few encoded clips, copied with different bytes behind the last box."""
    made = [
        videos.write_video(folder / f"original{i}.mp4", videos.pan(SECONDS * RATE, size=size), fps=RATE)
        for i in range(2)
    ]
    paths = []
    for number in range(count):
        path = folder / f"{number}.mp4"
        # A box that players skip makes each file's content its own.
        box = (16).to_bytes(4, "big") + b"free" + number.to_bytes(8, "big")
        path.write_bytes(made[number % 2].read_bytes() + box)
        paths.append(str(path))
    return Dataset.from_dict({"video": paths})
