"""A stage whose network computes vectors from the sound of a clip."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, NamedTuple

import numpy as np
from datasets import List, Value

from emollama_hf import schema
from emollama_hf.computing.stored_values import StoredValues, as_batches, stored_values
from emollama_hf.console.logs import package_logger
from emollama_hf.errors import ClipError
from emollama_hf.frames import DecodeLimits, open_video
from emollama_hf.rows import Row
from emollama_hf.sound import Sound, read_sound, silence
from emollama_hf.stages.column import Column
from emollama_hf.stages.config import check_choice
from emollama_hf.stages.encoder_stage import not_finite
from emollama_hf.stages.model_stage import ModelStage, ModelStageConfig
from emollama_hf.stages.video_value import video_source

logger = package_logger(__name__)

Level = Literal["clip", "frame"]
NoAudio = Literal["zeros", "silence", "null"]


@dataclass(frozen=True)
class SoundStageConfig(ModelStageConfig):
    """Every option of a stage of sound that can change its result."""

    layers: tuple[int, ...] = (-1,)
    level: Level = "clip"
    no_audio: NoAudio = "zeros"
    max_pixels: int = DecodeLimits().max_pixels
    max_frames: int = DecodeLimits().max_frames
    max_seconds: float = DecodeLimits().max_seconds
    max_bytes: int = DecodeLimits().max_bytes

    def __post_init__(self) -> None:
        super().__post_init__()
        layers = (self.layers,) if isinstance(self.layers, int) else tuple(self.layers)
        if not layers or any(isinstance(one, bool) or not isinstance(one, int) for one in layers):
            raise ValueError(f"layers={self.layers!r}: expected numbers of hidden states, such as (-1,) for the last")
        object.__setattr__(self, "layers", layers)
        check_choice("level", self.level, ("clip", "frame"))
        check_choice("no_audio", self.no_audio, ("zeros", "silence", "null"))
        _ = self.limits  # which checks its values

    @property
    def limits(self) -> DecodeLimits:
        """The limits beyond which a clip is refused."""
        return DecodeLimits(**{one.name: getattr(self, one.name) for one in fields(DecodeLimits)})


class ClipSound(NamedTuple):
    """One clip, ready for the encoder.

    Attributes:
        wave: (T,) float32 in [-1, 1), mono, 16,000 samples a second; None where zeros stand for its features.
        has_audio: whether the clip has an audio track.
        frames: with `wave` None and level="frame", the number of vectors of zeros.
    """

    wave: np.ndarray | None
    has_audio: bool
    frames: int = 1


class SoundStage(ModelStage):
    """A stage that reads the audio track of `video` and computes a vector of it, or a vector a frame, and `has_audio`.

    A subclass names the column of its level, and says what one row holds.
    """

    optional_inputs = (schema.VIDEO,)  # a data set without it is refused by `check_columns`
    in_short = "an embedding of the sound"
    unshared_options = ("layers",)
    Config = SoundStageConfig
    config: SoundStageConfig
    #: What one row of either level is, for the card.
    meaning: str = "embedding of the sound"

    @property
    @abstractmethod
    def sound_column(self) -> str:
        """The column that is computed."""

    def outputs(self) -> dict[str, Column]:
        vector = schema.vector_feature(self.source.width(self.part))
        if self.config.level == "clip":
            one = Column(vector, f"{self.meaning}, mean over time", tolerance=1e-4)
        else:
            one = Column(List(vector), f"{self.meaning}, a vector every 20 ms", tolerance=1e-4, sensitive=True)
        has_audio = Column(Value("bool"), "whether the clip has an audio track")
        return {self.sound_column: one, schema.HAS_AUDIO: has_audio}

    def check_columns(self, columns: Collection[str]) -> None:
        if schema.VIDEO not in columns:
            raise ValueError(
                f"{self.name} reads the column 'video', and the data set has {', '.join(map(repr, columns))}."
            )

    def resolved_config(self) -> dict[str, Any]:
        limits = {name: float(value) for name, value in asdict(self.config.limits).items()}
        return {**super().resolved_config(), **limits}

    def ready(self) -> None:
        self.model().layer_numbers(self.config.layers)

    def prepare(self, row: Row) -> ClipSound:
        if row[schema.VIDEO] is None:
            kind = "is null in this row" if schema.VIDEO in row else "is missing"
            raise ClipError("missing_file" if schema.VIDEO in row else "missing_column", f"column 'video' {kind}.")
        source, limits, model = video_source(row[schema.VIDEO]), self.config.limits, self.model()
        sound = read_sound(source, limits)
        if sound is not None:
            if sound.damaged_packets:
                logger.warning("%s: %d damaged packets of sound were skipped", row.label, sound.damaged_packets)
            return ClipSound(_long_enough(sound, model.receptive_field), True)
        if self.config.no_audio == "null":
            raise ClipError(
                "no_audio", 'the clip has no audio track. Remove the row, or pass no_audio="zeros" or "silence".'
            )
        if self.config.no_audio == "zeros" and self.config.level == "clip":
            return ClipSound(None, False)
        with open_video(source, limits) as clip:
            silent = silence(clip.info.duration_s, limits)
        if self.config.no_audio == "silence":
            return ClipSound(_long_enough(silent, model.receptive_field), False)
        return ClipSound(None, False, max(1, (len(silent.wave) - model.receptive_field) // model.hop + 1))

    def compute_together(self, items: list[ClipSound]) -> list[dict[str, Any] | ClipError]:
        waves = [item.wave for item in items if item.wave is not None]
        with self.computing() as model:
            embed = model.embed if self.config.level == "clip" else model.sequences
            computed = iter(stored_values(as_batches(embed(waves, self.config.layers))) if waves else [])
        dtype = next(model.parameters()).dtype
        return [
            self._columns(item, next(computed) if item.wave is not None else self._zeros(item, model.width), dtype)
            for item in items
        ]

    def _zeros(self, item: ClipSound, width: int) -> StoredValues:
        zeros = np.zeros(width if self.config.level == "clip" else (item.frames, width), np.float32)
        return StoredValues(zeros, np.float32(0))

    def _columns(self, item: ClipSound, computed: StoredValues, dtype: Any) -> dict[str, Any] | ClipError:
        if not computed.is_finite:
            return not_finite(self.sound_column, dtype)
        return {self.sound_column: computed.values, schema.HAS_AUDIO: item.has_audio}


def _long_enough(sound: Sound, least: int) -> np.ndarray:
    if len(sound.wave) < least:
        raise ClipError(
            "no_audio",
            f"its sound has {len(sound.wave)} samples of 16 kHz, and a frame of the encoder takes {least}. "
            "Remove the row.",
        )
    return sound.wave
