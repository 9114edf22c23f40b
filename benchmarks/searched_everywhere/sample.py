"""Version 2 of the frames stage, which searched every frame as a whole: what `benchmarks.frames` compares with."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.searched_everywhere.detect import detect_faces
from benchmarks.searched_everywhere.held import HeldFrames
from benchmarks.searched_everywhere.rating import ExpressionRating
from benchmarks.searched_everywhere.shots import look_at
from emollama_hf.errors import ClipError
from emollama_hf.frames.clip import Clip
from emollama_hf.frames.faces.appearance import face_appearance
from emollama_hf.frames.faces.crops import EVERYTHING, CropPlan, plan_crops, plan_whole_frames
from emollama_hf.frames.faces.shots import Look, shot_numbers
from emollama_hf.frames.faces.tracks import SeenFrame, chosen_tracks
from emollama_hf.frames.frame_view import FrameView
from emollama_hf.frames.peak.expression import whole_patch
from emollama_hf.frames.peak.peak import fixed_peak, most_expressive
from emollama_hf.frames.sample import ClipPlan, ClipSample
from emollama_hf.frames.sampling import even_indices, segment_indices
from emollama_hf.frames.settings import DEFAULT_SETTINGS, SampleSettings

_ROUNDING = 1e-6  # of a number of frames
_PICTURE_RATE = 25.0  # frames a second that pictures without times are taken to have when gaps are judged


def sample_clip(
    clip: Clip,
    settings: SampleSettings = DEFAULT_SETTINGS,
    *,
    peak_value: int | float | None = None,
    clip_name: str | None = None,
) -> ClipSample:
    """Face crops for both encoders and the peak frame of an opened clip.

    clip: from `open_video` or `open_pictures`.
    peak_value: for peak="column:NAME", that column's value: a frame number (int) or a time in seconds (float).
    clip_name: for peak="openface:DIR", the clip's file name or path.
    Raises ClipError: bad_peak; with fps bad_frames (no rate) and limit_exceeded (too many crops); and what reading the
    frames raises.

        >>> with open_video("clip.mp4") as clip:
        ...     sample = sample_clip(clip, SampleSettings())
        >>> sample.facemae_frames.shape
        (16, 224, 224, 3)
    """
    numbers = _choose_numbers(clip, settings, peak_value, clip_name)
    held = HeldFrames()
    planned = _planned(clip, numbers, settings, held)
    plan = planned.crops
    crops, peak_frame = _cut(clip, held, plan, planned.peak)
    boxes, scores = plan.boxes(numbers.facemae), plan.scores(numbers.facemae)
    return ClipSample(
        facemae_frames=np.stack([crops[plan.source[n]] for n in numbers.facemae.tolist()]),
        videomae_frames=np.stack([crops[plan.source[n]] for n in numbers.videomae.tolist()]),
        peak_frame=peak_frame,
        peak_index=planned.peak,
        info=clip.info,
        face_boxes=boxes,
        face_scores=scores,
        face_coverage=float(np.mean(scores > 0)) if settings.faces == "detect" else float("nan"),
        damaged_packets=clip.damaged_packets,
    )


def plan_clip(clip: Clip, settings: SampleSettings = DEFAULT_SETTINGS) -> ClipPlan:
    """What `sample_clip` finds out before it cuts: faces, whom it follows, and the peak frame."""
    return _planned(clip, _choose_numbers(clip, settings, None, None), settings, HeldFrames())


def _planned(clip: Clip, numbers: _Numbers, settings: SampleSettings, held: HeldFrames) -> ClipPlan:
    detect = settings.faces == "detect"
    rating = ExpressionRating()
    observed: list[_Observed] = []
    for number, picture in clip.pictures(numbers.all):
        pixels = picture.rgb()
        seen = _observe(number, clip, pixels, detect)
        observed.append(seen)
        if number in numbers.candidates:
            rating.look(seen.frame, pixels, None if detect else whole_patch(pixels))
            held.keep(number, picture, promise=1.0)  # as good as any until it is rated
            held.update(rating.promises())
        if number in numbers.whole:
            held.keep(number, picture, promise=np.inf)
        elif number in numbers.crops:
            held.keep_faces(number, picture, pixels, seen.frame.faces)

    frames = _with_shots(observed)
    tracks = chosen_tracks(frames)
    if detect:
        plan = plan_crops(frames, tracks, numbers.crops, settings, _seconds_per_frame(clip))
    else:
        plan = plan_whole_frames(numbers.crops, settings)
    peak = numbers.peak
    if peak is None:
        peak = most_expressive(rating.candidates(frames, tracks if detect else None))
    if peak is None:  # not one face in the clip
        peak = clip.info.frame_count // 2
    return ClipPlan(frames, tracks, plan, peak)


@dataclass(frozen=True)
class _Numbers:
    """Frame numbers by purpose. whole: needed again as a whole after detection; all: ascending."""

    facemae: NDArray[np.int64]
    videomae: NDArray[np.int64]
    crops: list[int]
    candidates: set[int]
    peak: int | None
    whole: set[int]
    all: list[int]


def _choose_numbers(
    clip: Clip, settings: SampleSettings, peak_value: int | float | None, clip_name: str | None
) -> _Numbers:
    count = clip.info.frame_count
    facemae, videomae = _facemae_numbers(clip, settings), segment_indices(count)
    crops = sorted({*facemae.tolist(), *videomae.tolist()})
    peak = fixed_peak(clip, settings, peak_value, clip_name)
    candidates: set[int] = set()
    if peak is None:
        candidates = set(even_indices(count, min(count, settings.peak_candidates)).tolist())
    whole = set() if peak is None else {peak}
    if settings.faces == "none" or settings.crop == "none":
        whole |= set(crops)
    return _Numbers(facemae, videomae, crops, candidates, peak, whole, sorted({*crops, *whole, *candidates}))


def _facemae_numbers(clip: Clip, settings: SampleSettings) -> NDArray[np.int64]:
    """Frames for FaceMAE: `num_frames` evenly spaced, or with `fps` what is shown at 0, 1 / fps, 2 / fps, ... seconds.

    A rate of the clip's own or above takes each frame once.
    """
    info, fps = clip.info, settings.fps
    if fps is None:
        return even_indices(info.frame_count, settings.num_frames)
    if not (info.fps > 0 and info.duration_s > 0):
        raise ClipError(
            "bad_frames", f"fps={fps:g}, and nothing says how long its frames are shown. Pass num_frames= instead."
        )
    every = fps >= info.fps
    count = info.frame_count if every else max(1, math.ceil(info.duration_s * fps - _ROUNDING))
    if count > settings.most_crops:
        raise ClipError(
            "limit_exceeded",
            f"fps={fps:g} takes {count:,} crops of {settings.size} x {settings.size} pixels from its "
            f"{info.duration_s:,.0f} s, and at most {settings.most_crops:,} are computed for a clip. Pass a smaller "
            "fps or size, or num_frames, or cut the clip.",
        )
    if every:
        return np.arange(count)
    return np.array([clip.index_at(number / fps) for number in range(count)], np.int64)


@dataclass(frozen=True)
class _Observed:
    frame: SeenFrame  # its shot is not known before all frames are
    look: Look


def _observe(number: int, clip: Clip, pixels: NDArray[np.uint8], detect: bool) -> _Observed:
    height, width = pixels.shape[:2]
    time_s = clip.time_of(number)
    if np.isnan(time_s):
        time_s = number / _PICTURE_RATE
    faces = detect_faces(pixels) if detect else []
    faces = [replace(face, appearance=face_appearance(pixels, face.box)) for face in faces]
    return _Observed(SeenFrame(number, time_s, 0, width, height, faces), look_at(pixels))


def _with_shots(observed: list[_Observed]) -> list[SeenFrame]:
    shots = shot_numbers([o.look for o in observed], [o.frame.time_s for o in observed])
    return [replace(o.frame, shot=int(shot)) for o, shot in zip(observed, shots, strict=True)]


def _seconds_per_frame(clip: Clip) -> float:
    fps = clip.info.fps
    return 1 / fps if fps > 0 else 1 / _PICTURE_RATE


def _cut(
    clip: Clip, held: HeldFrames, plan: CropPlan, peak: int
) -> tuple[dict[int, NDArray[np.uint8]], NDArray[np.uint8]]:
    """The crop of every planned frame, and the whole peak frame; what is no longer held is decoded again."""
    crops: dict[int, NDArray[np.uint8]] = {}
    peak_view = held.view(peak, EVERYTHING)
    again = set() if peak_view else {peak}
    for number, cut in plan.cut.items():
        view = held.view(number, cut.area)
        if view is None:
            again.add(number)
        else:
            crops[number] = cut.make(view)
    for number, pixels in clip.frames(sorted(again)):
        view = FrameView.whole(pixels)
        if number == peak:
            peak_view = view
        if number in plan.cut and number not in crops:
            crops[number] = plan.cut[number].make(view)
    assert peak_view is not None
    return crops, peak_view.pixels
