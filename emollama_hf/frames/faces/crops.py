"""Which picture each sampled frame is cut from, and how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.faces.align import aligned_area, aligned_crop, box_area, box_crop, centre_box, centre_crop
from emollama_hf.frames.faces.motion import FaceMotion, FacePlace
from emollama_hf.frames.faces.tracks import SeenFrame, Track
from emollama_hf.frames.frame_view import FrameView
from emollama_hf.frames.settings import SampleSettings

EVERYTHING = np.array([-np.inf, -np.inf, np.inf, np.inf])


@dataclass(frozen=True)
class Cut:
    """How one crop is made. area: what it reads of the frame, x1 y1 x2 y2.  make: view to (size, size, 3) uint8."""

    area: NDArray[np.floating]
    make: Callable[[FrameView], NDArray[np.uint8]]


@dataclass(frozen=True)
class CropPlan:
    """What to cut, by frame number.

    source: for each sampled frame, the frame that its crop is taken from: itself, or the nearest with a face.
    cut: for each of these sources, how.
    box, score: for each sampled frame, the box used, x1 y1 x2 y2, and the score of its own detection or 0.
    """

    source: dict[int, int]
    cut: dict[int, Cut]
    box: dict[int, NDArray[np.float32]]
    score: dict[int, float]

    def boxes(self, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """(len(numbers), 4) float32."""
        return np.stack([self.box[n] for n in numbers.tolist()]).astype(np.float32)

    def scores(self, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """(len(numbers),) float32."""
        return np.array([self.score[n] for n in numbers.tolist()], np.float32)


def plan_whole_frames(numbers: Sequence[int], settings: SampleSettings) -> CropPlan:
    """Every picture as it is, only resized; nobody looked for faces."""
    box = np.full(4, np.nan, np.float32)
    return CropPlan(
        source={n: n for n in numbers},
        cut={n: Cut(EVERYTHING, partial(_whole, size=settings.size)) for n in numbers},
        box=dict.fromkeys(numbers, box),
        score={n: float("nan") for n in numbers},
    )


def plan_crops(
    frames: Sequence[SeenFrame],
    tracks: dict[int, Track],
    numbers: Sequence[int],
    settings: SampleSettings,
    seconds_per_frame: float,
) -> CropPlan:
    """How each sampled frame is cropped.

    In this order: where its shot's face was detected or can be interpolated, that; else the crop of the nearest
    sampled frame of the same shot, as a picture, because its coordinates mean nothing here; else, in a shot
    without any face, the centre.
    frames: all frames that were looked at.  tracks: the chosen one of each shot that has any.
    numbers: of the frames to crop, ascending.
    """
    motion = {shot: FaceMotion(track, seconds_per_frame) for shot, track in tracks.items()}
    by_number = {frame.number: frame for frame in frames}
    places: dict[int, FacePlace] = {}
    for number in numbers:
        shot = by_number[number].shot
        place = motion[shot].place(number) if shot in motion else None
        if place is not None:
            places[number] = place

    plan = CropPlan({}, {}, {}, {})
    for number in numbers:
        frame = by_number[number]
        source = number
        if number not in places and settings.crop != "none":
            same_shot = [n for n in places if by_number[n].shot == frame.shot]
            source = min(same_shot, key=lambda n: (abs(n - number), n), default=number)
        place = places.get(source)
        plan.source[number] = source
        plan.score[number] = places[number].score if number in places else 0.0
        plan.box[number] = _fallback_box(frame, settings) if place is None else place.box
        plan.cut.setdefault(source, _cut_for(place, frame, settings))
    return plan


def _cut_for(place: FacePlace | None, frame: SeenFrame, settings: SampleSettings) -> Cut:
    size = settings.size
    if settings.crop == "none":
        return Cut(EVERYTHING, partial(_whole, size=size))
    if place is None:
        return Cut(centre_box(frame.width, frame.height), partial(centre_crop, size=size))
    if settings.crop == "box":
        return Cut(box_area(place.box), partial(box_crop, box_xyxy=place.box, size=size))
    mask = settings.crop == "openface"
    make = partial(aligned_crop, landmarks=place.landmarks, size=size, mask=mask)
    return Cut(aligned_area(place.landmarks), make)


def _fallback_box(frame: SeenFrame, settings: SampleSettings) -> NDArray[np.float32]:
    if settings.crop == "none":
        return np.array([0, 0, frame.width, frame.height], np.float32)
    return centre_box(frame.width, frame.height)


def _whole(view: FrameView, size: int) -> NDArray[np.uint8]:
    from emollama_hf.encoders.pixels import resize_uint8

    return resize_uint8(view.pixels, (size, size))
