"""The rows that the recorded set was made of, and with which settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasets import Dataset, Features, Value, Video

FOLDER = Path(__file__).parent
OUT = FOLDER / "features"
CLIPS = FOLDER.parent / "stages" / "recorded"

#: Small crops, and no choice of the peak: seconds.
SETTINGS: dict[str, Any] = {"model": "random-tiny", "peak": "middle", "size": 32, "num_frames": 4, "pooling": "6:10"}


def rows() -> Dataset:
    """Two clips, and one that is none; as bytes, since a path is recorded with a row."""
    contents = [(CLIPS / "pan_zoom.mp4").read_bytes(), (CLIPS / "dark_cut.mp4").read_bytes(), b"no video"]
    return Dataset.from_dict(
        {
            "video": [{"bytes": content, "path": None} for content in contents],
            "uuid": ["r1", "r2", "r3"],
            "label": ["MW", "NonMW", "MW"],
        },
        features=Features({"video": Video(decode=False), "uuid": Value("string"), "label": Value("string")}),
    )
