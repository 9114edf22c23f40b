"""Column names, and the `datasets` feature types behind them.

Every width comes from a model's or a transform's configuration; no size is a constant here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from datasets import Array2D, Array3D, Array4D, Features, Image, LargeList, List, Value

from emollama_hf.errors import ClipError
from emollama_hf.text.few_of_many import few_and_dots

VIDEO = "video"
FRAMES = "frames"
HUBERT = "hubert"
HUBERT_SEQUENCE = "hubert_sequence"
HAS_AUDIO = "has_audio"

FACEMAE_FRAMES = "facemae_frames"
VIDEOMAE_FRAMES = "videomae_frames"
PEAK_FRAME = "peak_frame"
PEAK_INDEX = "peak_index"
CLIP_FRAME_COUNT = "clip_frame_count"
CLIP_FPS = "clip_fps"
CLIP_DURATION_S = "clip_duration_s"
FACE_BOXES = "face_boxes"
FACE_SCORES = "face_scores"
FACE_COVERAGE = "face_coverage"

FACEMAE = "facemae"
FACEMAE_SEQUENCE = "facemae_sequence"
VIDEOMAE = "videomae"
VIDEOMAE_SEQUENCE = "videomae_sequence"
VIDEOMAE_TOKENS = "videomae_tokens"
IMAGE_TOKENS = "image_tokens"
EMOLLAMA = "emollama"
EMOTION = "emotion"
EMOTION_CONFIDENCE = "emotion_confidence"
EMOTION_PROBS = "emotion_probs"
EMOTION_ANSWER = "emotion_answer"
EMOTION_NOTE = "emotion_note"
ANSWER = "answer"
ANSWER_FINISHED = "answer_finished"

#: Names of classes that a description of a column has.
FEW_NAMES = 20
#: Vectors, or pictures, that an array of any length is taken to have before it is read.
USUAL_LENGTH = 64
#: How the types of numbers begin; "float16", "int32", "uint8", "bool".
NUMBERS = ("float", "int", "uint", "bool")

STATUS = "emollama_status"
ERROR = "emollama_error"
OK = "ok"

#: Facts of a clip that travel with its features.
CLIP_FACTS = (PEAK_INDEX, CLIP_FRAME_COUNT, CLIP_FPS, CLIP_DURATION_S, FACE_COVERAGE)

#: Columns that hold a clip.
CLIPS = (VIDEO, FRAMES)

FILE_NAME = "file_name"
UUID = "uuid"
ID = "id"
CLIP_ID = "clip_id"
NAME = "name"

#: Columns whose values may be names of files, and so say who is in a clip.
FILE_NAMES = (NAME, FILE_NAME)
#: Columns that name a row of a data set, the most certain and least telling first: a uuid says nothing of a person.
ROW_NAMES = (UUID, ID, CLIP_ID, *FILE_NAMES)
#: Types of the values that may name a row.
ROW_NAME_TYPES = ("string", "large_string", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))
#: Of `ROW_NAMES` those that name the file of a clip, by which tables and .npy files belong to it: with its ending, and
#: without. The file's name comes first, since it is the clip's path in the folder.
CLIP_FILE_NAMES = (FILE_NAME, UUID)
#: What messages call a row by, the most familiar first: the clip or one of `ROW_NAMES`. Not `NAME` and `CLIP_ID`, of
#: which the first may be a person's and the second is a digest that nobody knows.
SHOWN_ROW_NAMES = (VIDEO, FILE_NAME, UUID, ID, FRAMES)


def fact_features() -> Features:
    """Types of `CLIP_FACTS`: numbers of frames int32, rates, seconds and shares float32."""
    return Features(
        {
            PEAK_INDEX: Value("int32"),
            CLIP_FRAME_COUNT: Value("int32"),
            CLIP_FPS: Value("float32"),
            CLIP_DURATION_S: Value("float32"),
            FACE_COVERAGE: Value("float32"),
        }
    )


def status_features() -> Features:
    return Features({STATUS: Value("string"), ERROR: Value("string")})


def frame_features(num_frames: int, video_frames: int, size: int) -> Features:
    """Types of what `sample_frames` writes, for `num_frames` + `video_frames` crops of size x size pixels.

    num_frames: of each clip; -1 where clips differ in it.
    """
    return Features(
        {
            FACEMAE_FRAMES: array_feature((num_frames, size, size, 3), "uint8"),
            VIDEOMAE_FRAMES: Array4D((video_frames, size, size, 3), "uint8"),
            PEAK_FRAME: Image(),
            FACE_BOXES: array_feature((num_frames, 4), "float32"),
            FACE_SCORES: List(Value("float32"), length=num_frames),
            **fact_features(),
        }
    )


def vector_feature(width: int, dtype: str = "float32") -> List:
    """One vector a clip, such as (1024,) float32."""
    return List(Value(dtype), length=width)


def matrix_feature(rows: int, width: int, dtype: str = "float16") -> Array2D:
    """One matrix a clip, such as (309, 4096) float16."""
    return Array2D((rows, width), dtype)


def array_feature(sides: Sequence[int], dtype: str) -> Any:
    """One array a clip; -1 is a side of any length, which the fixed arrays of `datasets` do not have."""
    if -1 in sides or len(sides) == 1:
        feature: Any = Value(dtype)
        for side in reversed(sides):
            feature = List(feature, length=side)
        return feature
    return {2: Array2D, 3: Array3D, 4: Array4D}[len(sides)](tuple(sides), dtype)


def shape_of(feature: Any) -> tuple[int, ...] | None:
    """Shape of one row of a numeric feature: () for a scalar; None for text and pictures."""
    if hasattr(feature, "shape"):
        return None if None in feature.shape else tuple(feature.shape)
    if isinstance(feature, List):
        inner = shape_of(feature.feature)
        return None if inner is None else (feature.length, *inner)
    if isinstance(feature, Value) and feature.dtype.startswith(NUMBERS):
        return ()
    return None


def fits(found: Sequence[int], declared: Sequence[int]) -> bool:
    """Whether an array's shape is the declared one, of which a side of -1 may have any length."""
    return len(found) == len(declared) and all(want in (-1, side) for side, want in zip(found, declared, strict=True))


def is_picture(feature: Any) -> bool:
    """Whether a column holds pictures or stacks of pictures: `Image`, or uint8 arrays of three sides or more."""
    if isinstance(feature, Image):
        return True
    shape = shape_of(feature)
    return shape is not None and len(shape) >= 3 and dtype_of(feature) == "uint8"


def dtype_of(feature: Any) -> str:
    """The numpy name of a numeric feature's element type."""
    return dtype_of(feature.feature) if isinstance(feature, List | LargeList) else feature.dtype


def describe_column(feature: Any, show: Callable[[str], str] = str) -> str:
    """A column's shape and type for people: "(309, 4096) float16", "text", "int32", "one of NonMW, MW".

    show: makes what the data set says, such as the names of classes, fit to stand in the text.
    """
    names = getattr(feature, "names", None)
    if names:
        return f"one of {few_and_dots(names, FEW_NAMES, show=show)}"
    shape = shape_of(feature)
    if shape is None:
        kind = getattr(feature, "dtype", type(feature).__name__)
        return {"string": "text", "large_string": "text", "binary": "bytes"}.get(kind, type(feature).__name__.lower())
    if not shape:
        return show(dtype_of(feature))
    sides = ", ".join("any" if side < 0 else str(side) for side in shape)
    return f"({sides}{',' if len(shape) == 1 else ''}) {show(dtype_of(feature))}"


def column(name: str, values: Sequence[Any], feature: Any) -> np.ndarray | list[Any]:
    """One output column, checked against its declared type.

    values: a value a row, None for a row without one. Returns a numpy array (rows, *shape) of the declared
    dtype; with None among them a list (Arrow takes no null inside an array), as with sides of any length; text and
    pictures as a list.
    Raises ValueError if a shape differs: a wrong shape in a fixed-size column is stored without a word and
    fails when somebody reads it.
    """
    shape = shape_of(feature)
    if shape is None:
        return list(values)
    arrays = arrays_of(name, values, feature)
    complete = [array for array in arrays if array is not None]
    if len(complete) == len(arrays) and -1 not in shape:
        return np.stack(complete) if complete else np.empty((0, *shape), dtype_of(feature))
    if shape == ():
        return [None if array is None else array.item() for array in arrays]
    return arrays


def arrays_of(name: str, values: Sequence[Any], feature: Any) -> list[np.ndarray | None]:
    """The values of a numeric column one by one, checked as `column` checks them.

    Returns:
        Arrays of the declared shape and dtype; those of this dtype are the arrays that were given, without a copy.
    """
    shape, dtype = shape_of(feature), np.dtype(dtype_of(feature))
    arrays = [None if v is None else np.asarray(v, dtype=dtype) for v in values]
    for row, array in enumerate(arrays):
        if array is not None and not fits(array.shape, shape or ()):
            raise ValueError(
                f"column {name!r}, row {row}: the stage computed the shape {array.shape}, declared is {shape}. "
                "This is a defect of the stage, not of the data."
            )
    return arrays


def vector_from_row(name: str, value: Any, width: int) -> np.ndarray:
    """A given feature vector as (width,) float32; ClipError("bad_features") if it is not one."""
    try:
        vector = np.asarray(value, dtype=np.float32)
    except (TypeError, ValueError):
        vector = None
    if value is None or vector is None or vector.shape != (width,):
        got = "null" if value is None else ("no numbers" if vector is None else f"shape {vector.shape}")
        raise ClipError(
            "bad_features",
            f"column {name!r} holds {got}, expected ({width},) numbers, the width this model was built for. "
            f"Compute it with the same model, or remove the column so that it is computed here.",
        )
    if not np.isfinite(vector).all():
        raise ClipError(
            "bad_features",
            f"column {name!r} holds NaN or infinite values in {int((~np.isfinite(vector)).sum())} of {width} "
            "places, expected finite numbers. Compute this row again, or remove it.",
        )
    return vector


def row_bytes(features: Features) -> int:
    """Bytes of one row's numeric columns; an array of any length is taken to hold `USUAL_LENGTH` vectors."""
    total = 0
    for feature in features.values():
        shape = shape_of(feature)
        if shape is not None:
            # Of a list of numbers of any length, -1, nothing is known: it counts as one number.
            sides = [(USUAL_LENGTH if len(shape) > 1 else 1) if side < 0 else side for side in shape]
            total += int(np.prod(sides, dtype=np.int64)) * np.dtype(dtype_of(feature)).itemsize
    return total
