"""Whose face is followed: `python -m benchmarks.moving_faces` prints one JSON line a kind of clip.

Drawn people sway, walk, cross, turn back, enter and leave, in front of a camera that stands or pans, at several frame
rates. `changed`: clips whose crops of one shot show more than one person. `coverage`: mean and smallest share of the
sampled frames in which the followed face was found. The clips are drawn from a seed and are always the same.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from emollama_hf.frames import SampleSettings, even_indices, open_video, sample_clip
from tests.crowds import WIDTH, Person, Scene, standing, swaying, walking, who
from tests.videos import write_video

Clip = tuple[list[Scene], float]  # shots one after another, frames a second


def main() -> None:
    """Print a line a kind and one for all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", help="one kind of clip")
    parser.add_argument("--clips", type=int, default=12, help="clips of each kind")
    parser.add_argument("--list", action="store_true", help="print every clip")
    options = parser.parse_args()
    everything: list[tuple[bool, float]] = []
    for kind in KINDS:
        if options.only not in (None, kind):
            continue
        results = []
        for number in range(options.clips):
            rng = np.random.default_rng([list(KINDS).index(kind), number])
            shots, fps = KINDS[kind](rng)
            peak = "middle" if number % 2 else "expressive"
            results.append(followed(shots, fps, peak))
            if options.list:
                print(kind, number, peak, f"{fps:.3g} fps", *results[-1], flush=True)
        report(kind, results)
        everything += results
    report("all", everything)


def report(kind: str, results: list[tuple[bool, float]]) -> None:
    changed, coverage = [one[0] for one in results], [one[1] for one in results]
    line = {
        "kind": kind, "clips": len(results), "changed": sum(changed),
        "coverage": round(float(np.mean(coverage)), 3), "least": round(min(coverage), 3),
    }  # fmt: skip
    print(json.dumps(line), flush=True)


def followed(shots: list[Scene], fps: float, peak: str) -> tuple[bool, float]:
    """Whether the person changed within a shot, and the coverage, of a clip that is written and sampled."""
    pictures = [frame for scene in shots for frame in scene.frames(fps)]
    with tempfile.TemporaryDirectory() as name:
        path = write_video(Path(name) / "clip.mp4", pictures, fps=round(fps))
        with open_video(str(path)) as clip:
            sample = sample_clip(clip, SampleSettings(size=32, peak=peak))
    lengths = [round(scene.seconds * fps) for scene in shots]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    seen: list[set[int]] = [set() for _ in shots]
    for number, box, score in zip(even_indices(len(pictures)), sample.face_boxes, sample.face_scores, strict=True):
        shot = int(np.searchsorted(starts, number, side="right")) - 1
        person = who(shots[shot], (number - starts[shot]) / fps, box) if score > 0 else None
        if person is not None:
            seen[shot].add(person)
    return any(len(people) > 1 for people in seen), sample.face_coverage


def two_looks(rng: np.random.Generator) -> tuple[int, int]:
    first, second = rng.permutation(4)[:2]
    return int(first), int(second)


def sway(rng: np.random.Generator) -> Clip:
    """One face sways by one to four widths."""
    person = swaying(int(rng.integers(4)), WIDTH / 2, rng.uniform(40, 160), rng.uniform(0.3, 0.8))
    return [Scene([person], rng.choice([3.0, 6.0, 10.0]))], rng.choice([10, 15, 25])


def walk(rng: np.random.Generator) -> Clip:
    """One person walks through the picture, some of them towards the camera."""
    speed = rng.uniform(100, 400)
    seconds = (WIDTH - 100) / speed
    growth = rng.choice([1.0, 1.8])
    path = lambda t: (50 + speed * t, 130.0, 75 * growth ** (t / seconds))  # noqa: E731
    return [Scene([Person(int(rng.integers(4)), path)], seconds)], rng.choice([5, 10, 25])


def pan(rng: np.random.Generator) -> Clip:
    """The camera pans over two people who stand."""
    first, second = two_looks(rng)
    gap = rng.uniform(70, 160)
    people = [standing(first, 240 - gap / 2, height=80), standing(second, 240 + gap / 2, height=rng.uniform(70, 90))]
    reach, hertz = rng.uniform(60, 120), rng.uniform(0.3, 0.7)
    scene = Scene(people, rng.choice([3.0, 6.0]), lambda t: reach * np.sin(2 * np.pi * hertz * t))
    return [scene], rng.choice([8, 15, 25])


def cross(rng: np.random.Generator) -> Clip:
    """Two people walk past each other, one in front."""
    first, second = two_looks(rng)
    speed = rng.uniform(60, 250)
    seconds = 360 / speed
    y = 130 + rng.uniform(-15, 15)
    people = [walking(first, 60, speed, y), walking(second, 420, -speed, 130, rng.uniform(78, 95))]
    return [Scene(people, seconds)], rng.choice([8, 15, 25])


def turn_back(rng: np.random.Generator) -> Clip:
    """Two people walk up to each other until they touch or overlap a little, and back."""
    first, second = two_looks(rng)
    seconds, near = rng.uniform(2, 4), rng.uniform(25, 45)

    def path(side: int, height: float) -> Person:
        look = first if side < 0 else second
        return Person(look, lambda t: (240 + side * (near + 110 * abs(2 * t / seconds - 1)), 130.0, height))

    return [Scene([path(-1, 80), path(1, rng.uniform(75, 88))], seconds)], rng.choice([8, 15, 25])


def pass_behind(rng: np.random.Generator) -> Clip:
    """Somebody walks past behind or in front of a person who sits."""
    first, second = two_looks(rng)
    sitter = swaying(first, 240, 6, 0.4, height=90)
    speed = rng.uniform(80, 300)
    walker = walking(second, -40, speed, 120, rng.uniform(70, 95))
    people = [walker, sitter] if rng.random() < 0.5 else [sitter, walker]
    return [Scene(people, 560 / speed)], rng.choice([8, 15, 25])


def cross_and_pan(rng: np.random.Generator) -> Clip:
    """Two people cross while the camera pans."""
    (scene,), fps = cross(rng)
    reach = rng.uniform(30, 60)
    return [Scene(scene.people, scene.seconds, lambda t: reach * np.sin(2 * np.pi * 0.5 * t))], fps


def come_and_go(rng: np.random.Generator) -> Clip:
    """One person leaves, and a while later another enters."""
    first, second = two_looks(rng)
    leave, enter = rng.uniform(1.2, 1.8), rng.uniform(2.2, 2.8)
    here, there = rng.uniform(150, 330), rng.uniform(150, 330)
    left = Person(first, lambda t: (here, 130.0, 80.0) if t < leave else (here - 300 * (t - leave), 130.0, 80.0))
    came = Person(second, lambda t: (max(there, 540 - 300 * (t - enter)), 130.0, 85.0) if t > enter else None)
    return [Scene([left, came], 4.5)], rng.choice([8, 15, 25])


def cut(rng: np.random.Generator) -> Clip:
    """Shots of one and of two people in turn, in front of other walls."""
    first, second = two_looks(rng)
    close = Scene([swaying(first, 240, 60, 0.5, height=110)], 1.5, wall=1)
    both = Scene([standing(first, 150), swaying(second, 320, 50, 0.6, height=88)], 1.5, wall=2)
    other = Scene([swaying(second, 230, 70, 0.5, height=105)], 1.5, wall=3)
    return [[close, both, other][i] for i in rng.permutation(3)], rng.choice([10, 25])


def low_rate(rng: np.random.Generator) -> Clip:
    """Two people who move about, two or three pictures a second."""
    first, second = two_looks(rng)
    people = [
        swaying(first, 140, rng.uniform(20, 70), rng.uniform(0.1, 0.3), y=rng.uniform(110, 150)),
        swaying(second, 340, rng.uniform(20, 70), rng.uniform(0.1, 0.3), height=rng.uniform(75, 90)),
    ]
    return [Scene(people, 12.0)], rng.choice([2, 3])


KINDS = {
    one.__name__: one
    for one in (sway, walk, pan, cross, turn_back, pass_behind, cross_and_pan, come_and_go, cut, low_rate)
}

if __name__ == "__main__":
    main()
