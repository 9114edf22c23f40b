"""What the two face encoders share: frames in, one vector a clip out."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from emollama_hf import schema
from emollama_hf.errors import ClipError
from emollama_hf.rows import Row
from emollama_hf.stages.column import Column
from emollama_hf.stages.model_stage import ModelStage


class EncoderStage(ModelStage):
    """One encoder: reads a stack of frames, writes a vector."""

    #: The column that it computes.
    column: ClassVar[str]

    def outputs(self) -> dict[str, Column]:
        return {self.column: self.described(schema.vector_feature(self.source.width(self.part)))}

    @abstractmethod
    def described(self, feature: Any) -> Column:
        """The column of vectors of this type."""

    def frame_count(self, model: Any) -> int | None:
        """How many frames a clip must have; None for any number."""
        return None

    def prepare(self, row: Row) -> np.ndarray:
        model = self.model()
        frames = frames_from_row(row, self.inputs[0])
        wanted = self.frame_count(model)
        if wanted is not None and len(frames) != wanted:
            raise ClipError(
                "bad_frames",
                f"column {self.inputs[0]!r} holds {len(frames)} frames, expected {wanted}: "
                "segments of 2 consecutive frames, as sample_frames writes them.",
            )
        return model.resized(frames)

    def compute_together(self, items: list[np.ndarray]) -> list[dict[str, Any] | ClipError]:
        with self.computing() as model:
            vectors = model.embed(items).cpu().numpy()
        column, dtype = self.column, next(model.parameters()).dtype
        return [{column: one} if np.isfinite(one).all() else not_finite(column, dtype) for one in vectors]


def frames_from_row(row: Row, column: str) -> np.ndarray:
    """A column of frames as (T, H, W, 3) uint8. Raises ClipError("bad_frames") for anything else."""
    value = row[column]
    if value is None:
        found = "is null in this row" if column in row else "is missing"
        raise ClipError("missing_column" if column not in row else "bad_frames", f"column {column!r} {found}.")
    try:
        frames = np.asarray(value)
    except ValueError:
        frames = np.asarray(None)
    if (
        frames.dtype.kind in "iu"
        and frames.dtype != np.uint8
        and frames.size
        and 0 <= frames.min() <= frames.max() <= 255
    ):
        frames = frames.astype(np.uint8)  # nested lists of a plain map come as int64
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or 0 in frames.shape:
        raise ClipError(
            "bad_frames",
            f"column {column!r} holds {frames.dtype} of shape {frames.shape}, expected uint8 RGB of shape "
            "(frames, height, width, 3). Make it with sample_frames, which also reads arrays and float pictures.",
        )
    return frames


def not_finite(column: str, dtype: Any) -> ClipError:
    """The error of a row whose vector is NaN or infinite."""
    return ClipError(
        "overflow",
        f"{column} came out as NaN or infinite in {dtype}. Compute it with dtype='float32' or 'bfloat16'.",
    )
