"""video ─► hubert: the stage of the encoder of speech."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, NamedTuple

import numpy as np
from datasets import List, Value

from emollama_hf import schema
from emollama_hf.console.logs import package_logger
from emollama_hf.errors import ClipError
from emollama_hf.frames import DecodeLimits, open_video
from emollama_hf.rows import Row
from emollama_hf.sound import Sound, read_sound, silence
from emollama_hf.stages.column import Column
from emollama_hf.stages.config import check_choice
from emollama_hf.stages.encoder_stage import not_finite
from emollama_hf.stages.model_stage import ModelStage, ModelStageConfig
from emollama_hf.stages.stage import Stage
from emollama_hf.stages.video_value import video_source

logger = package_logger(__name__)

Level = Literal["clip", "frame"]
NoAudio = Literal["zeros", "silence", "null"]


@dataclass(frozen=True)
class HubertEmbedConfig(ModelStageConfig):
    """Every option of `HubertEmbed` that can change its result."""

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


class HubertEmbed(ModelStage):
    """Mean embedding of the sound of a clip.

    Reads `video` (path, URL of any fsspec scheme, bytes, or an undecoded `Video`): its audio track, mixed down to one
    channel of 16 kHz. A file without a picture will do. A call returns the columns

        hubert            (1024,) float32 with the real model, the mean over time
        hubert_sequence   (T, 1024) float32 instead with level="frame", a vector every 20 ms; it sounds like a person
        has_audio         bool, whether the clip has an audio track
        emollama_status, emollama_error

    Args:
        model: model directory, Hub id, "random-tiny" or "random-full"; None for the model that `configure` has set.
        revision: commit, branch or tag of a Hub id.
        layers: hidden states whose sum is taken, counted from 0 (before the first block); -1 is the last.
        level: "clip" for one vector a clip, "frame" for one every 20 ms.
        no_audio: features of a clip without an audio track: "zeros", those of a "silence" as long as the clip, or
            "null", with which the row fails.
        max_pixels, max_frames, max_seconds, max_bytes: a clip beyond one of these is refused.
        device: "auto" or a torch device.
        dtype: number type of the computation. "auto" and "float16-mixed" are "float32" here; "float16" and "bfloat16"
            are faster.
        batch_size: clips that are computed together; None for as many as a GPU's memory holds, 1 on a CPU.
        compile: whether torch.compile fuses the blocks, which needs a C++ compiler and a minute.
        on_error: "raise", or "null" for nulls and a status in the rows that cannot be computed.

    Raises:
        TypeError: an unknown option.
        ValueError: an option has a value that is not valid; by a call, a layer that the model does not have.
        ClipError: by a call with on_error="raise": missing_file, empty_file, not_a_video, no_frames (a track of which
            nothing can be decoded), no_audio (a sound shorter than a frame of the encoder, 25 ms; with no_audio="null"
            no track), no_video_stream (a silence as long as a picture that is absent), limit_exceeded, missing_column,
            overflow.
        ModelError: by a call: the model or its part `hubert` is missing.

    Example:
        >>> HubertEmbed("random-tiny")({"video": ["clip.mp4"]})["hubert"].shape
        (1, 32)

    Source: Emotion-LLaMA, chinese-hubert-large: the last hidden state, mean over time, and zeros for clips without
    sound; its mind-wandering fork's demo computes a silent track instead. See `emollama_hf.encoders.hubert.network`.
    """

    name = "hubert_embed"
    version = 1
    part = "hubert"
    optional_inputs = (schema.VIDEO,)  # a data set without it is refused by `check_columns`
    in_short = "an embedding of the sound"
    unshared_options = ("layers",)
    Config = HubertEmbedConfig
    config: HubertEmbedConfig

    @classmethod
    def variants(cls) -> tuple[Stage, ...]:
        return tuple(cls(model, level=level) for level in ("clip", "frame") for model in ("random-tiny", "random-full"))

    def outputs(self) -> dict[str, Column]:
        vector = schema.vector_feature(self.source.width(self.part))
        meaning = "embedding of the sound: an encoder of speech such as HuBERT over the audio track at 16 kHz mono"
        if self.config.level == "clip":
            computed = {schema.HUBERT: Column(vector, f"{meaning}, mean over time", tolerance=1e-4)}
        else:
            every = Column(List(vector), f"{meaning}, a vector every 20 ms", tolerance=1e-4, sensitive=True)
            computed = {schema.HUBERT_SEQUENCE: every}
        return {**computed, schema.HAS_AUDIO: Column(Value("bool"), "whether the clip has an audio track")}

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
            computed = iter([one.cpu().numpy() for one in embed(waves, self.config.layers)] if waves else [])
        dtype = next(model.parameters()).dtype
        return [
            self._columns(item, next(computed) if item.wave is not None else self._zeros(item, model.width), dtype)
            for item in items
        ]

    def _zeros(self, item: ClipSound, width: int) -> np.ndarray:
        return np.zeros(width if self.config.level == "clip" else (item.frames, width), np.float32)

    def _columns(self, item: ClipSound, values: np.ndarray, dtype: Any) -> dict[str, Any] | ClipError:
        column = schema.HUBERT if self.config.level == "clip" else schema.HUBERT_SEQUENCE
        if not np.isfinite(values).all():
            return not_finite(column, dtype)
        return {column: values, schema.HAS_AUDIO: item.has_audio}


def _long_enough(sound: Sound, least: int) -> np.ndarray:
    if len(sound.wave) < least:
        raise ClipError(
            "no_audio",
            f"its sound has {len(sound.wave)} samples of 16 kHz, and a frame of the encoder takes {least}. "
            "Remove the row.",
        )
    return sound.wave
