"""How far peaks move when a clip is only encoded again: `python -m benchmarks.encoded_again`.

Draws each clip of one face that smiles three times over, the same pixels with other settings of x264, and prints a JSON
line a kind and one for all: in how many of the pairs (the first encoding and another) version 2 of the stage
(`before`) and the package's (`after`) choose peaks that are at most 5 % of the clip apart.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.followed_clips import ALONE, draw_alone
from benchmarks.searched_everywhere import sample as searched_everywhere
from emollama_hf.frames import open_video
from emollama_hf.frames import sample as following
from emollama_hf.frames.clip import Clip
from emollama_hf.frames.sample import ClipPlan

#: Preset and CRF of x264. The first are those of `benchmarks.frames_quality`.
ENCODINGS = (("veryfast", 20), ("medium", 20), ("veryfast", 23))
VERSIONS: dict[str, Callable[[Clip], ClipPlan]] = {
    "before": searched_everywhere.plan_clip,
    "after": following.plan_clip,
}

_NEAR = 0.05  # of the clip


def main() -> None:
    """Print a line a kind and one for all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="*", choices=ALONE, default=list(ALONE), help="kinds of clip")
    parser.add_argument("--clips", type=int, default=6, help="clips of each kind")
    options = parser.parse_args()
    everything: dict[str, list[float]] = {version: [] for version in VERSIONS}
    for kind in options.only:
        found: dict[str, list[float]] = {version: [] for version in VERSIONS}
        for number in range(options.clips):
            for version, distances in distances_of(kind, number).items():
                found[version] += distances
                everything[version] += distances
        print(json.dumps(summary(kind, found)), flush=True)
    print(json.dumps(summary("all", everything)), flush=True)


def distances_of(kind: str, number: int) -> dict[str, list[float]]:
    """By version, how far the peak of each later encoding is from that of the first, in shares of the clip."""
    peaks: dict[str, list[float]] = {version: [] for version in VERSIONS}
    with tempfile.TemporaryDirectory() as name:
        for preset, crf in ENCODINGS:
            path = draw_alone(kind, number, Path(name) / f"{preset}-{crf}.mp4", preset, crf).path
            for version, plan_clip in VERSIONS.items():
                with open_video(path) as clip:
                    peaks[version].append(plan_clip(clip).peak / clip.info.frame_count)
    return {version: [abs(peak - first) for peak in others] for version, (first, *others) in peaks.items()}


def summary(kind: str, found: dict[str, Sequence[float]]) -> dict[str, Any]:
    """JSON-ready. found: distances by version."""
    near = {version: sum(distance <= _NEAR for distance in distances) for version, distances in found.items()}
    return {
        "kind": kind,
        "pairs": len(found["before"]),
        **{f"near_{version}": count for version, count in near.items()},
    }


if __name__ == "__main__":
    main()
