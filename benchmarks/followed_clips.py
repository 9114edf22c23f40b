"""The clips on which following faces is compared with searching every frame, and where each face was drawn in them.

All kinds of `benchmarks.moving_faces`, and one face that smiles, also in darkness, small, huge, turned away, and
leaving and coming back. Drawn from a seed, always the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import moving_faces
from benchmarks.drawn_faces import DrawnFace, FacePose, smiling
from emollama_hf.frames.faces.detect import detect_faces
from tests.crowds import HEIGHT, WIDTH, Scene, paste_head
from tests.videos import write_video

#: x and y of the middle and the width of a face's box, in pixels.
Place = tuple[float, float, float]


@dataclass(frozen=True)
class ComparedClip:
    """A clip's file and the truth about it.

    places: of everybody whose face is drawn in each frame.
    smiles: how broadly the face smiles in each frame, 0..1; None where nobody's expression changes.
    """

    path: Path
    places: Callable[[int], list[Place]]
    smiles: NDArray[np.float64] | None = None


def draw(kind: str, number: int, path: Path) -> ComparedClip:
    """Write one clip of a kind of `KINDS`."""
    return _crowd(kind, number, path) if kind in moving_faces.KINDS else draw_alone(kind, number, path)


def draw_alone(kind: str, number: int, path: Path, preset: str = "veryfast", crf: int = 20) -> ComparedClip:
    """Write one clip of a kind of `ALONE`. preset, crf: x264's."""
    rng = np.random.default_rng([list(KINDS).index(kind), number])
    face = ALONE[kind](rng)
    write_video(path, face.frames(rng), fps=face.fps, options={"preset": preset, "crf": str(crf)})
    return ComparedClip(path, partial(_place_alone, face), np.array([pose.smile for pose in face.poses]))


def _place_alone(face: DrawnFace, number: int) -> list[Place]:
    pose = face.poses[number]
    is_in_picture = 0 <= pose.x < face.size[0] and 0 <= pose.y < face.size[1]
    return [(pose.x, pose.y, pose.width)] if is_in_picture else []


def _crowd(kind: str, number: int, path: Path) -> ComparedClip:
    shots, fps = moving_faces.KINDS[kind](np.random.default_rng([list(moving_faces.KINDS).index(kind), number]))
    write_video(path, [frame for scene in shots for frame in scene.frames(fps)], fps=round(fps))
    starts = np.concatenate([[0], np.cumsum([round(scene.seconds * fps) for scene in shots])])

    def places(frame: int) -> list[Place]:
        shot = int(np.searchsorted(starts, frame, side="right")) - 1
        return _places_in(shots[shot], float(frame - starts[shot]) / fps)

    return ComparedClip(path, places)


def _places_in(scene: Scene, time_s: float) -> list[Place]:
    places = []
    for look, (x, y, height) in scene.heads(time_s).items():
        dx, dy, width = _face_of_head(look) * height
        places.append((x + dx, y + dy, width))
    return places


@cache
def _face_of_head(look: int) -> NDArray[np.float64]:
    """Where the detector sees the face of a drawn head: x, y from the head's middle and width, for a height of 1."""
    height = 150.0
    canvas = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    paste_head(canvas, look, (WIDTH / 2, HEIGHT / 2), height)
    (face,) = detect_faces(canvas)
    x, y = (face.centre - np.array([WIDTH, HEIGHT]) / 2).tolist()
    return np.array([x, y, float(face.box[2] - face.box[0])]) / height


def _dark(rng: np.random.Generator) -> DrawnFace:
    """A sixth to a quarter of the light, and more noise."""
    return _drawn(smiling(rng, 0.25), light=rng.uniform(0.16, 0.25), grain=4.0)


def _small(rng: np.random.Generator) -> DrawnFace:
    return _drawn(smiling(rng, 0.08))


def _huge(rng: np.random.Generator) -> DrawnFace:
    return _drawn(smiling(rng, 0.6))


def _filling(rng: np.random.Generator) -> DrawnFace:
    """As high as the picture."""
    return _drawn(smiling(rng, 1.0))


def _profile(rng: np.random.Generator) -> DrawnFace:
    """Turns away and back, to half of its width, and leans by up to 25 degrees: as far as a flat portrait can."""
    turning, leaning, start = rng.uniform(0.15, 0.3), rng.uniform(0.1, 0.25), rng.uniform(0, 1, 2)

    def turned(pose: FacePose, time_s: float) -> FacePose:
        away = 0.5 - 0.5 * np.cos(2 * np.pi * (turning * time_s + start[0]))
        return replace(pose, narrow=1 - 0.5 * away, roll=25 * np.sin(2 * np.pi * (leaning * time_s + start[1])))

    return _drawn(smiling(rng, 0.3, change=turned))


def _away_and_back(rng: np.random.Generator) -> DrawnFace:
    """Leaves the picture by one side, and comes back by the same."""
    leaves, comes = rng.uniform(2, 4), rng.uniform(5, 7.5)
    side, speed = rng.choice([-1, 1]), rng.uniform(300, 700)

    def walking(pose: FacePose, time_s: float) -> FacePose:
        away = max(0.0, min(time_s - leaves, comes - time_s)) * speed
        return replace(pose, x=pose.x + side * away)

    return _drawn(smiling(rng, 0.25, change=walking))


def _expression(rng: np.random.Generator) -> DrawnFace:
    """Faces of usual sizes."""
    return _drawn(smiling(rng, rng.choice([0.15, 0.2, 0.25, 0.35])))


def _drawn(poses: list[FacePose], light: float = 0.8, grain: float = 3.0) -> DrawnFace:
    return DrawnFace(poses, (640, 480), light=light, grain=grain)


#: Kinds of one face that smiles.
ALONE: dict[str, Callable[[np.random.Generator], DrawnFace]] = {
    "expression": _expression,
    "dark": _dark,
    "small (8 %)": _small,
    "huge (60 %)": _huge,
    "filling (100 %)": _filling,
    "profile": _profile,
    "away_and_back": _away_and_back,
}
KINDS = (*moving_faces.KINDS, *ALONE)
