"""A synthetic person: the portrait that ships with the package, warped and tinted, whose face moves on its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.demo_clips import astronaut

WIDTH, HEIGHT = 160, 120
FPS = 16

_Points = tuple[NDArray[np.float32], NDArray[np.float32]]  # x and y, (HEIGHT, WIDTH) each, in pixels of the portrait


@dataclass(frozen=True)
class _Part:
    """A part of the face that moves by itself: its middle and reach in pixels of the portrait, and its direction."""

    x: float
    y: float
    reach_x: float
    reach_y: float
    right: float
    down: float


_FACE = (102.6, 56.0)  # middle of the face, x y in pixels of the portrait
_GRAIN = 2.0  # standard deviation of the camera's noise, of 255
_VIEW_WIDTH = 84.0  # pixels of the portrait that a frame shows
# The corners of mouth and eyes move least: face crops are aligned by them.
_PARTS = (
    _Part(102.6, 70.5, 7.0, 4.5, right=0, down=1),  # lower lip and chin
    _Part(93.5, 43.5, 7.5, 3.0, right=0, down=1),  # brows
    _Part(114.0, 44.5, 7.5, 3.0, right=0, down=1),
    _Part(92.5, 60.0, 5.0, 5.0, right=1, down=0),  # cheeks
    _Part(113.0, 60.5, 5.0, 5.0, right=-1, down=0),
)


@dataclass(frozen=True)
class SyntheticFace:
    """What stays the same in all clips of a person.

    portrait: (H, W, 3) float32 RGB, 0..255: tinted, mirrored for some.
    stretch: how much wider and longer the face is.
    waves: (4, 5), sines that displace the whole face: frequency in x and y, phase, displacement to the right and down.
    mirrored: whether left and right are swapped.
    """

    portrait: NDArray[np.float32]
    stretch: tuple[float, float]
    waves: NDArray[np.float64]
    mirrored: bool


def draw_face(rng: np.random.Generator) -> SyntheticFace:
    """Draw a person: the geometry of the face, its tint, and whether it is mirrored."""
    tint = rng.uniform(0.92, 1.08, 3) * rng.uniform(0.95, 1.03)
    pixels = 255 * (astronaut() / 255) ** rng.uniform(0.92, 1.08) * tint
    angles, amplitudes = rng.uniform(0, 2 * np.pi, 4), rng.uniform(0.5, 1.6, 4)
    shift = np.stack([np.cos(angles), np.sin(angles)], axis=1) * amplitudes[:, None]
    waves = np.column_stack([rng.normal(0, 0.06, (4, 2)), rng.uniform(0, 2 * np.pi, 4), shift])
    stretch = (float(rng.uniform(0.9, 1.1)), float(rng.uniform(0.9, 1.1)))
    return SyntheticFace(pixels.astype(np.float32), stretch, waves, mirrored=bool(rng.random() < 0.5))


def film(
    face: SyntheticFace, rng: np.random.Generator, *, frames: int, movement: float, gain: float
) -> Iterator[NDArray[np.uint8]]:
    """Film a person: the head drifts and turns a little, and parts of the face move in a rhythm of their own.

    Args:
        face: whom to film.
        rng: draws the drift and the rhythms.
        frames: how many, `FPS` a second.
        movement: amplitude of the parts of the face, in pixels of the portrait, each of which is two pixels of a frame.
        gain: of the light; 1 leaves the portrait as bright as it is.

    Yields:
        (HEIGHT, WIDTH, 3) uint8 RGB frames.
    """
    import cv2

    from emollama_hf.frames.opencv import one_thread

    drift_hz, drift_phase = rng.uniform(0.2, 0.6, 4), rng.uniform(0, 2 * np.pi, 4)
    rhythm_hz, rhythm_phase = rng.uniform(1.5, 3.5, len(_PARTS)), rng.uniform(0, 2 * np.pi, len(_PARTS))
    for number in range(frames):
        time_s = number / FPS
        drift = np.sin(2 * np.pi * drift_hz * time_s + drift_phase)
        offsets = movement * np.sin(2 * np.pi * rhythm_hz * time_s + rhythm_phase)
        x, y = _with_parts_moved(offsets.astype(np.float32), _with_shape_of(face, _camera(drift)))
        with one_thread():
            seen = cv2.remap(face.portrait, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        seen = seen[:, ::-1] if face.mirrored else seen
        grain = _GRAIN * rng.standard_normal((HEIGHT, WIDTH, 1), np.float32)
        yield np.clip(seen * np.float32(gain) + grain, 0, 255).astype(np.uint8)


def _camera(drift: NDArray[np.float64]) -> _Points:
    """Where in the portrait each pixel of a frame looks. drift: (4,), -1..1: to the right, down, away, turned."""
    scale = _VIEW_WIDTH / WIDTH * (1 + 0.03 * drift[2])
    angle = np.radians(3.0) * drift[3]
    along, across = np.float32(scale * np.cos(angle)), np.float32(scale * np.sin(angle))
    rows = np.arange(-HEIGHT / 2, HEIGHT / 2, dtype=np.float32)[:, None]
    columns = np.arange(-WIDTH / 2, WIDTH / 2, dtype=np.float32)[None]
    left, top = np.float32(_FACE[0] + 2.5 * drift[0]), np.float32(_FACE[1] + 2.5 * drift[1])
    return columns * along - rows * across + left, columns * across + rows * along + top


def _with_shape_of(face: SyntheticFace, points: _Points) -> _Points:
    """Points of the portrait that a person's face shows instead of these."""
    (middle_x, middle_y), (wide, long) = _FACE, face.stretch
    x, y = middle_x + (points[0] - middle_x) / wide, middle_y + (points[1] - middle_y) / long
    moved_x, moved_y = x, y
    for fx, fy, phase, dx, dy in face.waves.astype(np.float32):
        wave = np.sin(fx * x + fy * y + phase)
        moved_x, moved_y = moved_x + dx * wave, moved_y + dy * wave
    return moved_x, moved_y


def _with_parts_moved(offsets: NDArray[np.float32], points: _Points) -> _Points:
    """Points of the portrait with the parts of the face displaced. offsets: (parts,), in pixels."""
    x, y = points
    moved_x, moved_y = x, y
    for part, offset in zip(_PARTS, offsets, strict=True):
        near = offset * np.exp(-(((x - part.x) / part.reach_x) ** 2) - ((y - part.y) / part.reach_y) ** 2)
        moved_x, moved_y = moved_x - part.right * near, moved_y - part.down * near
    return moved_x, moved_y
