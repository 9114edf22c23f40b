"""Clips of one face that is drawn: it sways, turns, leaves or darkens, and smiles now and then.

Where it is drawn is known, so that what a detector finds can be compared with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.demo_clips import astronaut
from emollama_hf.frames.faces.detect import detect_faces
from tests.videos import close_mouth

Frame = NDArray[np.uint8]

_FINER = 3  # times the portrait's own size at which it is drawn from
_TIMES = 3  # a clip's face smiles: once broadly, and twice less


@dataclass(frozen=True)
class FacePose:
    """How the face is drawn in one frame.

    x, y: the middle of its box, and height: of its box, in pixels.  roll: degrees.  narrow: share of its width that is
    left, as of a head that turns away.  smile: 0 (mouth closed) to 1.
    """

    x: float
    y: float
    height: float
    roll: float = 0.0
    narrow: float = 1.0
    smile: float = 0.0

    @property
    def width(self) -> float:
        """Of its box, in pixels."""
        box = _portrait_box()
        return self.height * self.narrow * float((box[2] - box[0]) / (box[3] - box[1]))


@dataclass(frozen=True)
class DrawnFace:
    """A clip of a face.

    pose: of each frame; its face may lie beyond the picture.  size: width and height in pixels.  fps: frames a second.
    light: share of the brightness that is left.  grain: standard deviation of a camera's noise, in grey levels.
    """

    poses: list[FacePose]
    size: tuple[int, int]
    fps: int = 25
    light: float = 0.8
    grain: float = 3.0

    def frames(self, rng: np.random.Generator) -> Iterator[Frame]:
        """Every frame: (height, width, 3) uint8 RGB."""
        return with_grain((self._frame(pose) for pose in self.poses), rng, self.grain)

    def _frame(self, pose: FacePose) -> Frame:
        box = _portrait_box()
        shrunk = _FINER if pose.height < (box[3] - box[1]) / _FINER else 1
        picture = cv2.addWeighted(_portrait(shrunk), pose.smile, _without_smile(shrunk), 1 - pose.smile, 0)
        middle = ((box[:2] + box[2:]) / 2 + 0.5) / shrunk - 0.5
        matrix = cv2.getRotationMatrix2D(middle.tolist(), pose.roll, shrunk * pose.height / float(box[3] - box[1]))
        matrix[:, 0] *= pose.narrow
        matrix[:, 2] = np.array([pose.x, pose.y]) - matrix[:, :2] @ middle
        shown = cv2.warpAffine(picture, matrix, self.size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return (shown * self.light).astype(np.uint8)


def with_grain(frames: Iterable[Frame], rng: np.random.Generator, deviation: float) -> Iterator[Frame]:
    """Frames with a camera's noise, the same in all colours. deviation: in grey levels."""
    for frame in frames:
        noise = rng.normal(0, deviation, frame.shape[:2])[..., None]
        yield np.clip(frame + noise, 0, 255).astype(np.uint8)


Change = Callable[[FacePose, float], FacePose]


def smiling(
    rng: np.random.Generator,
    share: float,
    *,
    size: tuple[int, int] = (640, 480),
    seconds: float = 10.0,
    fps: int = 25,
    change: Change = lambda pose, _: pose,
) -> list[FacePose]:
    """Poses of a face that sways, nods and smiles three times, once most.

    share: of the picture's height that the face has.  change: of each pose at its time in seconds.
    """
    times = np.arange(round(seconds * fps)) / fps
    sway, tilt, nearer, nod = (
        np.sin(2 * np.pi * (hertz * times + start))
        for hertz, start in zip((0.35, 0.4, 0.3, 0.5), rng.uniform(0, 1, 4), strict=True)
    )
    smile = 0.08 + 0.05 * rng.normal(size=len(times))
    for order, height, width in zip(
        rng.permutation(_TIMES), (0.95, 0.6, 0.45), rng.uniform(0.25, 0.6, _TIMES), strict=True
    ):
        middle = order * seconds / _TIMES + rng.uniform(0.5, seconds / _TIMES - 0.5)
        bump = height * np.exp(-0.5 * ((times - middle) / width) ** 2)
        smile = np.maximum(smile, bump + 0.03 * rng.normal(size=len(times)))
    smile = np.clip(smile, 0, 1)
    face = share * size[1]
    return [
        change(
            FacePose(
                size[0] / 2 + 0.25 * face * sway[i],
                0.42 * size[1] + 0.15 * face * nod[i] if share < 0.5 else 0.5 * size[1] + 0.05 * face * nod[i],
                face * (1 + 0.05 * nearer[i]),
                4 * tilt[i],
                smile=float(smile[i]),
            ),
            float(times[i]),
        )
        for i in range(len(times))
    ]


@cache
def _portrait(shrunk: int = 1) -> Frame:
    """The portrait enlarged, for large faces, and averaged down by a whole number, for small ones."""
    finer = cv2.resize(astronaut(), None, fx=_FINER, fy=_FINER, interpolation=cv2.INTER_CUBIC)
    return _averaged(np.asarray(finer, np.uint8), shrunk)


@cache
def _without_smile(shrunk: int) -> Frame:
    return _averaged(close_mouth(_portrait()), shrunk)


def _averaged(picture: Frame, by: int) -> Frame:
    size = picture.shape[1] // by, picture.shape[0] // by
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


@cache
def _portrait_box() -> NDArray[np.float64]:
    """Where the detector sees the face of the portrait: (4,), x1 y1 x2 y2."""
    (face,) = detect_faces(_portrait())
    return face.box.astype(np.float64)
