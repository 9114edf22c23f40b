"""Clips of people who move, cross and come and go, drawn from one portrait, with the truth about who is where.

A person is the astronaut's head, mirrored, squeezed and recoloured: the detector finds a face that nobody else has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.demo_clips import astronaut

Frame = NDArray[np.uint8]

WIDTH, HEIGHT = 480, 270
FACE_SHARE = 0.62  # of the head's height that the detector's box is wide, about
#: What makes a person of the portrait: mirrored, gain of red, green and blue, width squeezed.
LOOKS = (
    (False, (1.0, 1.0, 1.0), 1.0),
    (True, (0.62, 0.55, 0.5), 0.92),
    (False, (0.95, 0.8, 0.55), 1.06),
    (True, (1.1, 1.05, 1.1), 0.95),
)


@dataclass(frozen=True)
class Person:
    """Somebody whose head is at `path(time in seconds)`: x, y of its middle and its height in pixels; None: away.

    look: one of LOOKS.
    """

    look: int
    path: Callable[[float], tuple[float, float, float] | None]


@dataclass(frozen=True)
class Scene:
    """One shot: people, the nearest last, and the camera's x at a time, which moves all of them and the wall."""

    people: Sequence[Person]
    seconds: float
    camera: Callable[[float], float] = lambda _: 0.0
    wall: int = 0

    def heads(self, time_s: float) -> dict[int, tuple[float, float, float]]:
        """Where each person's head is in the picture, by look."""
        at = {person.look: person.path(time_s) for person in self.people}
        return {look: (p[0] - self.camera(time_s), p[1], p[2]) for look, p in at.items() if p is not None}

    def frame(self, time_s: float) -> Frame:
        """The picture at a time: (HEIGHT, WIDTH, 3) uint8."""
        x = round(self.camera(time_s)) % wall(self.wall).shape[1]
        canvas = np.ascontiguousarray(np.roll(wall(self.wall), -x, axis=1)[:, :WIDTH])
        for look, (x_middle, y_middle, height) in self.heads(time_s).items():
            paste_head(canvas, look, (x_middle, y_middle), height)
        return canvas

    def frames(self, fps: float) -> Iterator[Frame]:
        for number in range(round(self.seconds * fps)):
            yield self.frame(number / fps)


def who(scene: Scene, time_s: float, box: NDArray[np.floating]) -> int | None:
    """The look of the person whose head a box is around, the nearest person of two; None if it is nobody's."""
    middle = (box[:2] + box[2:]) / 2
    found = None
    for look, (x, y, height) in scene.heads(time_s).items():
        distance = float(np.hypot(middle[0] - x, middle[1] - y - 0.08 * height)) / height
        if distance < 0.35 and (found is None or distance < found[0] + 0.1):
            found = (distance, look)
    return None if found is None else found[1]


@cache
def wall(seed: int) -> Frame:
    """A wall of soft coloured patches, four pictures wide; it repeats without a seam."""
    rng = np.random.default_rng(seed)
    patches = rng.integers(70, 170, (6, 32, 3), dtype=np.uint8)
    patches[:, -1] = patches[:, 0]
    return np.asarray(cv2.resize(patches, (4 * WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)


@cache
def head_of(look: int) -> tuple[Frame, NDArray[np.float32]]:
    """A person's head and how opaque it is."""
    mirror, gains, squeeze = LOOKS[look]
    head = astronaut()[8:104, 66:142]
    head = head[:, ::-1] if mirror else head
    head = np.clip(head.astype(np.float32) * np.float32(gains), 0, 255).astype(np.uint8)
    head = np.asarray(cv2.resize(head, (round(head.shape[1] * squeeze), head.shape[0])), np.uint8)
    mask = np.zeros(head.shape[:2], np.float32)
    centre, axes = (head.shape[1] // 2, head.shape[0] // 2), (head.shape[1] // 2 - 2, head.shape[0] // 2 - 2)
    cv2.ellipse(mask, centre, axes, 0, 0, 360, 1.0, -1)
    return head, cv2.GaussianBlur(mask, (5, 5), 0).astype(np.float32)


def paste_head(canvas: Frame, look: int, middle: tuple[float, float], height: float) -> None:
    """Draw a person's head into a picture; positions between pixels count."""
    head, mask = head_of(look)
    scale = height / head.shape[0]
    left, top = middle[0] - head.shape[1] * scale / 2, middle[1] - height / 2
    matrix = np.array([[scale, 0, left], [0, scale, top]])
    size = canvas.shape[1], canvas.shape[0]
    if scale < 1:  # smooth first, for what is drawn smaller
        head = np.asarray(cv2.GaussianBlur(head, (0, 0), 0.5 * (1 / scale - 1) + 1e-3), np.uint8)
    drawn = cv2.warpAffine(head, matrix, size, flags=cv2.INTER_LINEAR).astype(np.float32)
    opaque = cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_LINEAR)[..., None]
    canvas[:] = (canvas * (1 - opaque) + drawn * opaque).astype(np.uint8)


def standing(look: int, x: float, y: float = 130, height: float = 80) -> Person:
    return Person(look, lambda _: (x, y, height))


def walking(look: int, start: float, speed: float, y: float = 130, height: float = 80) -> Person:
    """Walks straight on; start in pixels, speed in pixels a second."""
    return Person(look, lambda t: (start + speed * t, y, height))


def swaying(look: int, x: float, amplitude: float, hertz: float, y: float = 130, height: float = 80) -> Person:
    return Person(look, lambda t: (x + amplitude * np.sin(2 * np.pi * hertz * t), y, height))
