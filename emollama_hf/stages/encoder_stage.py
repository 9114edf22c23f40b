"""A stage whose network computes vectors from the face crops of a clip."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emollama_hf.computing.stored_values import as_batches, stored_values
from emollama_hf.errors import ClipError
from emollama_hf.rows import Row
from emollama_hf.stages.column import Column
from emollama_hf.stages.model_stage import ModelStage, ModelStageConfig
from emollama_hf.stages.stage import Stage

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class EncoderStageConfig(ModelStageConfig):
    """Options of every stage that encodes face crops.

    Attributes:
        level: what one vector stands for: "clip", or a part of the clip. Stages name the levels that they have.
    """

    level: str = "clip"


class EncoderStage(ModelStage):
    """A stage that reads one column of frames and computes one column of vectors.

    The vector of a clip is the mean of its vectors of any other level, to rounding.
    """

    #: The column of each level.
    columns: ClassVar[Mapping[str, str]]
    config: EncoderStageConfig

    @classmethod
    def variants(cls) -> tuple[Stage, ...]:
        return tuple(cls(model, level=level) for level in cls.columns for model in ("random-tiny", "random-full"))

    @property
    def column(self) -> str:
        """The column that is computed."""
        return self.columns[self.config.level]

    def outputs(self) -> dict[str, Column]:
        return {self.column: self.described()}

    @abstractmethod
    def described(self) -> Column:
        """The column of the level, with its type, meaning and tolerance."""

    @abstractmethod
    def vectors(self, model: Any, clips: list[np.ndarray]) -> Sequence[torch.Tensor]:
        """The values of the column.

        Args:
            model: the loaded network.
            clips: (T, S, S, 3) uint8 each, of the network's own size.

        Returns:
            A float32 tensor for each clip.
        """

    def resolved_config(self) -> dict[str, Any]:
        # Not named at its default: what was computed before there was a choice is found again.
        return {name: value for name, value in super().resolved_config().items() if (name, value) != ("level", "clip")}

    def frame_count(self) -> int:
        """Number of frames that a clip must have; -1 for any number.

        Raises:
            ModelError: the model does not have the part.
        """
        return -1

    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        return {self.inputs[0]: (self.frame_count(), -1, -1, 3)}

    def prepare(self, row: Row) -> np.ndarray:
        model = self.model()
        frames = frames_from_row(row, self.inputs[0])
        wanted = self.frame_count()
        if wanted not in (-1, len(frames)):
            raise ClipError(
                "bad_frames",
                f"column {self.inputs[0]!r} holds {len(frames)} frames, expected {wanted}: "
                "segments of 2 consecutive frames, as sample_frames writes them.",
            )
        return model.resized(frames)

    def compute_together(self, items: list[np.ndarray]) -> list[dict[str, Any] | ClipError]:
        with self.computing() as model:
            vectors = stored_values(as_batches(self.vectors(model, items)))
        column, dtype = self.column, next(model.parameters()).dtype
        return [{column: one.values} if one.is_finite else not_finite(column, dtype) for one in vectors]


def frames_from_row(row: Row, column: str) -> np.ndarray:
    """The frames of a row.

    Args:
        row: of a batch.
        column: its column of frames: an array, or nested lists as `map` stores them, of whole numbers 0..255.

    Returns:
        (T, H, W, 3) uint8 RGB.

    Raises:
        ClipError: missing_column; bad_frames for a null, another shape, dtype or range.
    """
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
    """The error of a row whose vector is NaN or infinite.

    Args:
        column: of the vector.
        dtype: the torch dtype of the computation.

    Returns:
        ClipError("overflow"), to be returned for the row.
    """
    return ClipError(
        "overflow",
        f"{column} came out as NaN or infinite in {dtype}. Compute it with dtype='float32' or 'bfloat16'.",
    )
