"""From an opened clip to what the encoders see: face crops, the peak frame, and what was found on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from emollama_hf.errors import ClipError
from emollama_hf.frames.clip import Clip, ClipInfo
from emollama_hf.frames.faces.crops import EVERYTHING, CropPlan, plan_crops, plan_whole_frames
from emollama_hf.frames.faces.shots import Look, look_at, shot_numbers
from emollama_hf.frames.faces.tracks import SeenFrame, Track, chosen_tracks, likely_faces
from emollama_hf.frames.faces.watch import FaceWatch
from emollama_hf.frames.faces.watched_frame import WatchedFrame
from emollama_hf.frames.frame_view import FrameView
from emollama_hf.frames.held import HeldFrames
from emollama_hf.frames.peak.expression import patch_of, whole_patch
from emollama_hf.frames.peak.peak import fixed_peak, most_expressive
from emollama_hf.frames.peak.rating import ExpressionRating
from emollama_hf.frames.sampling import candidate_indices, even_indices, segment_indices
from emollama_hf.frames.settings import DEFAULT_SETTINGS, SampleSettings

_ROUNDING = 1e-6  # of a number of frames
_PICTURE_RATE = 25.0  # frames a second that pictures without times are taken to have when gaps are judged


@dataclass(frozen=True)
class ClipSample:
    """The frames stage's result for one clip.

    facemae_frames: (num_frames, size, size, 3) uint8 RGB, with `fps` as many as its length takes.
    videomae_frames: (16, size, size, 3) uint8 RGB.
    peak_frame: (H, W, 3) uint8 RGB, the whole frame.  peak_index: its number.
    face_boxes: (num_frames, 4) float32, x1 y1 x2 y2 in pixels of the frame as shown, for each of facemae_frames.
    face_scores: (num_frames,) float32, 0 where no face was detected in that very frame; its box is then the
        one that was used instead (interpolated, that of the reused crop, or the centre).
    face_coverage: share of the facemae_frames with a detected face of the chosen track, 0..1.
    With faces="none" nobody looked: boxes, scores and coverage are nan.
    """

    facemae_frames: NDArray[np.uint8]
    videomae_frames: NDArray[np.uint8]
    peak_frame: NDArray[np.uint8]
    peak_index: int
    info: ClipInfo
    face_boxes: NDArray[np.float32]
    face_scores: NDArray[np.float32]
    face_coverage: float
    damaged_packets: int


@dataclass(frozen=True)
class ClipPlan:
    """What is known of a clip before anything is cut.

    frames: all frames that were looked at, with their faces, in the order of time.
    tracks: the chosen one of each shot that has any.
    crops: how each crop is cut.  peak: number of the peak frame.
    """

    frames: list[SeenFrame]
    tracks: dict[int, Track]
    crops: CropPlan
    peak: int


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
    """What `sample_clip` finds out before it cuts: faces, whom it follows, and the peak frame.

    Raises ClipError as `sample_clip` does, and for a peak that needs another value or a name.
    """
    return _planned(clip, _choose_numbers(clip, settings, None, None), settings, HeldFrames())


def _planned(clip: Clip, numbers: _Numbers, settings: SampleSettings, held: HeldFrames) -> ClipPlan:
    """What to cut; `held` then holds what of the frames is likely to be needed for it."""
    detect = settings.faces == "detect"
    rating = ExpressionRating()
    frames = _watched(clip, numbers, held, rating) if detect else _unwatched(clip, numbers, held, rating)
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
        candidates = set(candidate_indices(count, settings.peak_candidates, crops, clip.read_anyway).tolist())
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


def _watched(clip: Clip, numbers: _Numbers, held: HeldFrames, rating: ExpressionRating) -> list[SeenFrame]:
    """All frames with their faces; candidates are rated, and what crops may need is held."""
    watch = FaceWatch(set(numbers.facemae.tolist()), set(numbers.crops))
    frames: list[SeenFrame] = []
    crops = set(numbers.crops)

    def note(finished: list[WatchedFrame]) -> None:
        for watched in finished:
            number, picture = watched.number, watched.picture
            seen = watched.seen()
            frames.append(seen)
            if number in numbers.candidates:
                rating.look(seen, partial(patch_of, picture, watched.working))
                held.keep(number, picture, promise=1.0)  # as good as any until it is rated
                held.update(rating.promises())
            if number in numbers.whole:
                held.keep(number, picture, promise=np.inf)
            elif number in crops:
                held.keep_faces(number, picture, watched.working, likely_faces(seen))

    for number, picture in clip.pictures(numbers.all):
        note(watch.add(number, _time_of(clip, number), picture))
    note(watch.finish())
    return frames


def _unwatched(clip: Clip, numbers: _Numbers, held: HeldFrames, rating: ExpressionRating) -> list[SeenFrame]:
    """All frames of a clip whose pictures are faces themselves."""
    frames: list[SeenFrame] = []
    looks: list[Look] = []
    for number, picture in clip.pictures(numbers.all):
        pixels = picture.rgb()
        height, width = pixels.shape[:2]
        frames.append(SeenFrame(number, _time_of(clip, number), 0, width, height, []))
        looks.append(look_at(pixels))
        if number in numbers.candidates:
            rating.look_whole(frames[-1], whole_patch(pixels))
            held.keep(number, picture, promise=1.0)
            held.update(rating.promises())
        if number in numbers.whole:
            held.keep(number, picture, promise=np.inf)
    shots = shot_numbers(looks, [frame.time_s for frame in frames])
    return [replace(frame, shot=int(shot)) for frame, shot in zip(frames, shots, strict=True)]


def _time_of(clip: Clip, number: int) -> float:
    time_s = clip.time_of(number)
    return number / _PICTURE_RATE if np.isnan(time_s) else time_s


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
