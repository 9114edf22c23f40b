"""video or frames ─► facemae_frames, videomae_frames, peak_frame: face crops, and the most expressive frame."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from emollama_hf import schema
from emollama_hf.computing import process
from emollama_hf.console.logs import package_logger
from emollama_hf.errors import ClipError, ErrorKind
from emollama_hf.files.digest import folder_digest
from emollama_hf.frames import (
    ClipSample,
    DecodeLimits,
    SampleSettings,
    open_pictures,
    open_video,
    openface_file,
    sample_clip,
)
from emollama_hf.frames.faces.chosen_network import chosen_network, detector_gpu
from emollama_hf.frames.faces.face_coverage import check_min_face_coverage, too_few_faces
from emollama_hf.frames.faces.face_network import searching_with
from emollama_hf.rows import Row
from emollama_hf.stages.column import Column
from emollama_hf.stages.config import StageConfig, check_choice
from emollama_hf.stages.stage import Stage
from emollama_hf.stages.video_value import video_source

logger = package_logger(__name__)

VIDEO_FRAMES = 16  # VideoMAE's 8 segments of 2 frames

BOTH_INPUTS = (
    "the data set has both a 'video' and a 'frames' column. Choose one with input=\"video\" or input=\"frames\", "
    "or remove one."
)

PixelRange = Literal["0-1", "0-255"]
ChannelOrder = Literal["rgb", "bgr"]
PixelAspect = Literal["square", "stored"]
Input = Literal["video", "frames"]


@dataclass(frozen=True)
class SampleFramesConfig(StageConfig):
    """Every option of `SampleFrames` that can change its result."""

    num_frames: int = SampleSettings.num_frames
    fps: float | None = None
    size: int = 224
    faces: str = "detect"
    crop: str = "openface"
    peak: str = "expressive"
    peak_candidates: int = 64
    input: Input | None = None
    pixel_range: PixelRange | None = None
    channel_order: ChannelOrder = "rgb"
    pixel_aspect: PixelAspect = "square"
    max_pixels: int = DecodeLimits().max_pixels
    max_frames: int = DecodeLimits().max_frames
    max_seconds: float = DecodeLimits().max_seconds
    max_bytes: int = DecodeLimits().max_bytes
    min_face_coverage: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_min_face_coverage(self.min_face_coverage, self.faces)
        check_choice("input", self.input, (None, schema.VIDEO, schema.FRAMES))
        check_choice("pixel_range", self.pixel_range, (None, "0-1", "0-255"))
        check_choice("channel_order", self.channel_order, ("rgb", "bgr"))
        check_choice("pixel_aspect", self.pixel_aspect, ("square", "stored"))
        _ = self.settings, self.limits  # they check their values

    @property
    def settings(self) -> SampleSettings:
        """The options that decide which crops and which frame are taken."""
        return _part_of(self, SampleSettings)

    @property
    def limits(self) -> DecodeLimits:
        """The limits beyond which a clip is refused."""
        return _part_of(self, DecodeLimits)

    @property
    def openface_folder(self) -> Path | None:
        """The folder of OpenFace's CSV files; None with another rule for the peak."""
        rule, _, folder = self.peak.partition(":")
        return Path(folder) if rule == "openface" else None


def _part_of(config: SampleFramesConfig, cls: Any) -> Any:
    return cls(**{field.name: getattr(config, field.name) for field in fields(cls)})


#: Columns that show a face.
PICTURES = (schema.FACEMAE_FRAMES, schema.VIDEOMAE_FRAMES, schema.PEAK_FRAME)
MEANINGS = {
    schema.FACEMAE_FRAMES: "face crops, evenly spaced from the first frame to the last",
    schema.VIDEOMAE_FRAMES: "face crops, 8 segments of 2 consecutive frames",
    schema.PEAK_FRAME: "the whole frame of the moment that `peak` chooses",
    schema.PEAK_INDEX: "number of the peak frame, counted from 0",
    schema.CLIP_FRAME_COUNT: "frames of the clip",
    schema.CLIP_FPS: "frames a second",
    schema.CLIP_DURATION_S: "length in seconds",
    schema.FACE_COVERAGE: "share of the sampled frames in which the face was found, 0 to 1; in the others another crop "
    "stands in (see Limits)",
    schema.FACE_BOXES: "face boxes of the sampled frames, x0 y0 x1 y1 in pixels of the source",
    schema.FACE_SCORES: "the detector's confidence for each, 0 where no face was found",
}
#: A detector's boxes come out of another network than the features.
TOLERANCES = dict.fromkeys(
    (schema.CLIP_FPS, schema.CLIP_DURATION_S, schema.FACE_COVERAGE, schema.FACE_BOXES, schema.FACE_SCORES), 1e-3
)


class SampleFrames(Stage):
    """Face crops and the peak frame of each clip.

    Reads `video` (path, URL of any fsspec scheme, bytes, or an undecoded `Video`), or `frames` (folder of images,
    list of images, (T, H, W, 3) array, or .npy path) in a data set without `video`. A call returns the columns

        facemae_frames   (num_frames, size, size, 3) uint8   face crops, evenly spaced from first to last frame
        videomae_frames  (16, size, size, 3) uint8           face crops, 8 segments of 2 consecutive frames
        peak_frame       PIL image, RGB, whole frame         the moment that `peak` chooses
        face_boxes       (num_frames, 4) float32             xyxy in pixels of the frame as shown, for facemae_frames
        face_scores      (num_frames,) float32               detector's score, 0 where no face was found
        face_coverage    float32                             share of the num_frames with a detected face
        peak_index, clip_frame_count int32; clip_fps, clip_duration_s float32; emollama_status, emollama_error

    Faces are searched for in whole frames about once a second and at cuts, and followed in windows between them. A crop
    for VideoMAE between two detections that hardly differ is placed between theirs (`frames.faces.watch`).

    Where the face was not detected, between two detections half a second apart at most, the crop is interpolated
    between their positions; else the crop of the nearest sampled frame of the same shot stands in; in a shot without
    any face the largest centred square of the frame does, so that a clip without a face is "ok" and has features of a
    piece of wall. `face_coverage` and `face_scores` say so; see min_face_coverage.

    Args:
        num_frames: number of frames for FaceMAE, evenly spaced; a clip that has fewer repeats some.
        fps: frames for FaceMAE a second of the clip instead: those shown at 0, 1 / fps, 2 / fps, ... seconds; from the
            clip's own rate on each frame once. Clips then differ in `num_frames`. Not for `frames`, which have no rate.
        size: side of the crops in pixels.
        faces: "detect", or "none" for pictures that are crops already (boxes, scores, coverage are NaN then).
        crop: "openface" (aligned, background masked: what the encoders were trained on), "aligned" (no mask),
            "box" (square around the face) or "none" (whole frame).
        peak: "expressive", "middle", "first", "column:NAME" (int: frame number, float: seconds) or "openface:DIR"
            (DIR/{clip}.csv: the largest sum of action unit intensities).
        peak_candidates: number of frames, about evenly spaced, among which "expressive" chooses.
        input: "video" or "frames", for data sets that have both columns.
        pixel_range: "0-1" or "0-255", required for float `frames`.
        channel_order: "rgb", or "bgr" for arrays that OpenCV wrote.
        pixel_aspect: "square" shows videos whose pixels are not square (DV, DVD, some camcorders) as wide as players
            do, so that faces keep their proportions; "stored" takes the pixels as they are, as OpenCV and the original
            did.
        min_face_coverage: a clip whose `face_coverage` is below this share, 0..1, fails with the status "no_face"; with
            any share above 0 a clip without a face does.
        detector: "cpu", or "gpu" for the same faces, found on a GPU: by one process for all that `extract` lets read
            clips, else in this process. By default `extract` chooses "gpu" where a GPU computes and fewer than 32
            processes read clips for it, and everything else is "cpu". Boxes differ by less than 0.01 pixels.
        max_pixels, max_frames, max_seconds, max_bytes: a clip beyond one of these (pixels a frame, frames, seconds,
            bytes of the file) is refused before it is decoded.
        on_error: "raise", or "null" for nulls and a status in the rows of clips that cannot be read.

    Raises:
        TypeError: an unknown option.
        ValueError: an option has a value that is not valid, or has no effect beside another.
        ClipError: by a call with on_error="raise": missing_file, empty_file, not_a_video, no_video_stream, no_frames,
            limit_exceeded (also by fps: crops of a clip that take more than 1 GiB), bad_frames (also by fps: no rate),
            bad_peak, no_face, missing_column.

    Example:
        >>> SampleFrames(peak="middle")({"video": ["clip.mp4"]})["facemae_frames"].shape
        (1, 16, 224, 224, 3)

    Source: the samplers and crops of Emotion-LLaMA's extraction scripts (see `emollama_hf.frames`); the face
    detector and the expression network replace OpenFace, whose licence is academic.
    """

    name = "sample_frames"
    version = 3
    optional_inputs = schema.CLIPS  # one of them is needed, or a peak column beside it: `check_columns`
    placement_options = ("detector",)
    acceptance_options = ("min_face_coverage",)
    computes_facts = True
    Config = SampleFramesConfig
    config: SampleFramesConfig

    @classmethod
    def variants(cls) -> tuple[Stage, ...]:
        return cls(), cls(num_frames=8, size=112), cls(fps=1)

    def outputs(self) -> dict[str, Column]:
        number = self.config.num_frames if self.config.fps is None else -1
        features = schema.frame_features(number, VIDEO_FRAMES, self.config.size)
        return {
            name: Column(feature, MEANINGS[name], tolerance=TOLERANCES.get(name), sensitive=name in PICTURES)
            for name, feature in features.items()
        }

    def resolved_config(self) -> dict[str, Any]:
        """The configuration with what has no effect left out, and equal settings in one spelling."""
        config = super().resolved_config()
        config |= {limit.name: float(config[limit.name]) for limit in fields(DecodeLimits)}
        if self.config.faces == "none":
            config["crop"] = None
        if self.config.input == schema.FRAMES:
            config["pixel_aspect"] = None
        if self.config.peak != "expressive":
            config["peak_candidates"] = None
        if config["fps"] is None:  # what was computed before there was a choice is found again without
            del config["fps"]
        else:
            config |= {"num_frames": None, "fps": float(config["fps"])}
        least = config.pop("min_face_coverage")
        if least:  # as with fps
            config["min_face_coverage"] = float(least)
        if self.config.openface_folder is not None:
            # What the files say decides, not where they lie.
            config["peak"] = f"openface:{folder_digest(self.config.openface_folder, '*.csv')}"
        return config

    def ready(self) -> None:
        self._check_detector()
        if self.config.peak == "expressive":  # rated by a network; nothing else needs torch, which is half of a start
            process.prepare_to_compute()
        chosen_network(self.placement.detector)  # a GPU that is not there is wrong for every row

    def prepare(self, row: Row) -> ClipSample:
        peak_value = None
        if self._peak_column is not None:
            peak_value = _required(row, self._peak_column, "peak")
        with searching_with(chosen_network(self.placement.detector)), self._open(row) as clip:
            sample = sample_clip(clip, self.config.settings, peak_value=peak_value, clip_name=row.clip_name)
        if sample.damaged_packets:
            logger.warning("%s: %d damaged packets were skipped", row.label, sample.damaged_packets)
        return sample

    def compute(self, items: list[ClipSample]) -> list[dict[str, Any] | ClipError]:
        return [_columns(sample) for sample in items]

    def judged(self) -> tuple[str, ...]:
        return (schema.FACE_COVERAGE,) if self.config.min_face_coverage else ()

    def rejection(self, values: Mapping[str, Any]) -> ClipError | None:
        return too_few_faces(values[schema.FACE_COVERAGE], self.config.min_face_coverage)

    @property
    def searches_faces(self) -> bool:
        return self.config.faces == "detect"

    def check_columns(self, columns: Collection[str]) -> None:
        self._check_detector()
        if self.placement.detector == "gpu":
            detector_gpu()
        given = [name for name in (schema.VIDEO, schema.FRAMES) if name in columns]
        if self.config.input is None and len(given) == 2:
            raise ValueError(BOTH_INPUTS)
        wanted = [self.config.input] if self.config.input else given
        peak = self._peak_column
        if not wanted or wanted[0] not in columns or (peak is not None and peak not in columns):
            expected = "a column 'video' or 'frames'" if not wanted else f"the column {wanted[0]!r}"
            expected += f" and the peak column {peak!r}" if peak is not None else ""
            raise ValueError(f"the data set has the columns {', '.join(map(repr, columns))}; expected {expected}.")
        if self.config.fps is not None and wanted[0] == schema.FRAMES:
            raise ValueError(f"fps={self.config.fps:g}: the column 'frames' has no rate. Pass num_frames= instead.")
        folder = self.config.openface_folder
        if folder is not None and not folder.is_dir():
            raise ValueError(f"peak='openface:{folder}': there is no such folder. Give the folder of OpenFace's CSVs.")

    def given(self, columns: Collection[str]) -> tuple[str, ...]:
        inputs = (self.config.input,) if self.config.input else (schema.VIDEO, schema.FRAMES)
        return tuple(column for column in (*inputs, self._peak_column) if column is not None and column in columns)

    def beside(self, row: Row) -> Path | None:
        folder, clip = self.config.openface_folder, row.clip_name
        return None if folder is None or clip is None else openface_file(folder, clip)

    def _check_detector(self) -> None:
        if self.placement.detector is not None and not self.searches_faces:
            raise ValueError(
                f"detector={self.placement.detector!r} would have no effect: faces={self.config.faces!r} finds none. "
                "Leave one of them out."
            )

    @property
    def _peak_column(self) -> str | None:
        rule, _, name = self.config.peak.partition(":")
        return name if rule == "column" else None

    def _open(self, row: Row) -> AbstractContextManager[Any]:
        given = [name for name in (schema.VIDEO, schema.FRAMES) if name in row]
        chosen: str | None = self.config.input
        if chosen is None:
            if len(given) == 2:
                raise ClipError("missing_column", BOTH_INPUTS)
            chosen = schema.FRAMES if given == [schema.FRAMES] else schema.VIDEO
        value = _required(row, chosen, "input")
        if chosen == schema.FRAMES:
            return open_pictures(
                value,
                pixel_range=self.config.pixel_range,
                channel_order=self.config.channel_order,
                limits=self.config.limits,
            )
        return open_video(video_source(value), self.config.limits, pixel_aspect=self.config.pixel_aspect)


def _required(row: Row, column: str, role: str) -> Any:
    if column not in row:
        expected = f"the column {column!r}" if role == "peak" else "a column `video` or `frames`"
        raise ClipError(
            "missing_column",
            f"the data set has the columns {', '.join(map(repr, row.columns)) or '(none)'}; expected {expected}. "
            "Rename a column with ds.rename_column(old, new).",
        )
    value = row[column]
    if value is None:
        kind: ErrorKind = "missing_file" if role == "input" else "bad_peak"
        raise ClipError(kind, f"column {column!r} is null, expected a value. Fill it in, or remove the row.")
    return value


def _columns(sample: ClipSample) -> dict[str, Any]:
    import PIL.Image

    duration = sample.info.duration_s
    return {
        schema.FACEMAE_FRAMES: sample.facemae_frames,
        schema.VIDEOMAE_FRAMES: sample.videomae_frames,
        schema.PEAK_FRAME: PIL.Image.fromarray(sample.peak_frame),
        schema.FACE_BOXES: sample.face_boxes,
        schema.FACE_SCORES: sample.face_scores,
        schema.PEAK_INDEX: sample.peak_index,
        schema.CLIP_FRAME_COUNT: sample.info.frame_count,
        schema.CLIP_FPS: sample.info.fps,
        schema.CLIP_DURATION_S: math.nan if duration is None else duration,
        schema.FACE_COVERAGE: sample.face_coverage,
    }
