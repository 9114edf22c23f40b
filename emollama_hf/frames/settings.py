"""What can be chosen about the frames stage, and what a clip may cost: two frozen, JSON-ready dataclasses."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal, get_args

Faces = Literal["detect", "none"]
Crop = Literal["openface", "aligned", "box", "none"]

#: Bytes that the face crops of one clip may take.
MOST_CROP_BYTES = 2**30

PEAK_RULES = ("expressive", "middle", "first")
PEAK_SOURCES = ("column:", "openface:")


@dataclass(frozen=True)
class SampleSettings:
    """How a clip becomes two stacks of face crops and one peak frame.

    num_frames: frames for FaceMAE, evenly spaced, at least 1; 16 beside `fps`.
    size: height and width of the crops in pixels, at least 1.
    faces: "detect", or "none" when the pictures are face crops already (they are resized and nothing else).
    crop: "openface" (aligned, background black), "aligned" (not masked), "box" (square around the face) or
        "none" (the whole frame; faces are still detected and reported). Read with faces="detect" only.
    peak: "expressive", "middle" (frame n // 2), "first", "column:NAME" (a frame number or a time in seconds) or
        "openface:DIR" (a folder with one OpenFace CSV a clip).
    peak_candidates: how many frames, about evenly spaced, peak="expressive" looks at, at most.
    fps: frames for FaceMAE a second of the clip, instead of `num_frames`.
    Raises ValueError for anything else, with the valid values.
    """

    num_frames: int = 16
    size: int = 224
    faces: Faces = "detect"
    crop: Crop = "openface"
    peak: str = "expressive"
    peak_candidates: int = 64
    fps: float | None = None

    def __post_init__(self) -> None:
        for name in ("num_frames", "size", "peak_candidates"):
            _check_positive(type(self).__name__, name, getattr(self, name))
        if self.num_frames > self.most_crops:
            raise ValueError(
                f"num_frames is {self.num_frames:,}; at most {self.most_crops:,} crops of {self.size} x {self.size} "
                "pixels are computed for a clip"
            )
        if self.fps is not None:
            _check_positive(type(self).__name__, "fps", self.fps, whole=False)
            if not self.fps < math.inf:
                raise ValueError(f"fps is {self.fps!r}; expected a finite number of frames a second")
            if self.num_frames != type(self).num_frames:
                raise ValueError(f"num_frames={self.num_frames} and fps={self.fps:g}: pass one of them")
        _check_choice("faces", self.faces, get_args(Faces))
        _check_choice("crop", self.crop, get_args(Crop))
        if not isinstance(self.peak, str) or not (
            self.peak in PEAK_RULES
            or any(self.peak.startswith(source) and len(self.peak) > len(source) for source in PEAK_SOURCES)
        ):
            raise ValueError(
                f"peak is {self.peak!r}; choose one of {', '.join(map(repr, PEAK_RULES))}, 'column:NAME' "
                "(a frame number or a time in seconds) or 'openface:DIR' (a folder with one OpenFace CSV a clip)"
            )

    @property
    def most_crops(self) -> int:
        """How many crops of this size are computed for a clip at most."""
        return max(type(self).num_frames, MOST_CROP_BYTES // (3 * self.size**2))


@dataclass(frozen=True)
class DecodeLimits:
    """What one clip may cost at most; a clip beyond it is refused before its frames are decoded.

    max_pixels: width times height of one frame or picture; the default holds 8K with a margin.
    max_frames: frames in the clip.  max_seconds: its duration.  max_bytes: its size as a file.
    """

    max_pixels: int = 8192 * 4608
    max_frames: int = 1_000_000
    max_seconds: float = 6 * 3600.0
    max_bytes: int = 16 * 2**30

    def __post_init__(self) -> None:
        for field in fields(self):
            _check_positive(type(self).__name__, field.name, getattr(self, field.name), whole=False)


def _check_positive(owner: str, name: str, value: object, whole: bool = True) -> None:
    kinds = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not value > 0:
        raise ValueError(f"{owner}: {name} is {value!r}; expected a {'whole ' if whole else ''}number above 0")


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; choose one of {', '.join(map(repr, choices))}")


DEFAULT_SETTINGS = SampleSettings()
DEFAULT_LIMITS = DecodeLimits()
