"""video ─► a column of any name: the sound of a clip through any encoder of speech."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from emollama_hf.stages.named_encoder import NamedEncoder
from emollama_hf.stages.sound_stage import SoundStage, SoundStageConfig


@dataclass(frozen=True)
class AudioEmbedConfig(SoundStageConfig):
    """Every option of `AudioEmbed` that can change its result."""


class AudioEmbed(NamedEncoder, SoundStage):
    """Embedding of the sound of a clip by any encoder of speech of transformers.

    Reads `video` (path, URL of any fsspec scheme, bytes, or an undecoded `Video`): its audio track, mixed down to one
    channel of 16 kHz. A file without a picture will do. A call returns

        COLUMN            (D,) float32, the mean over time
                          with level="frame" (T, D) float32, a vector every 20 ms; it sounds like a person
        has_audio         bool, whether the clip has an audio track
        emollama_status, emollama_error

    Args:
        encoder: Hub id or directory of a HuBERT, wav2vec 2.0, WavLM or Whisper ("facebook/wav2vec2-base");
            "random-tiny", "random-full".
        column: name of the column.
        layers: hidden states whose sum is taken, counted from 0 (before the first block); -1 is the last.
        level: "clip" for one vector a clip, "frame" for one every 20 ms.
        no_audio: features of a clip without an audio track: "zeros", those of a "silence" as long as the clip, or
            "null", with which the row fails.
        weights: file of a checkpoint, instead of the directory's own.
        revision: commit, branch or tag of a Hub id.
        max_pixels, max_frames, max_seconds, max_bytes: a clip beyond one of these is refused.
        device, dtype, batch_size, compile, on_error: as for `HubertEmbed`.

    Raises:
        TypeError: an unknown option, or no column.
        ValueError: an option has a value that is not valid; the column is one of another stage; by a call, a layer that
            the encoder does not have.
        ClipError: by a call with on_error="raise": as `HubertEmbed`.
        ModelError: by a call: there is no such encoder, it is none of sound, or its weights do not fit it.

    Example:
        >>> AudioEmbed("random-tiny", column="tiny")({"video": ["clip.mp4"]})["tiny"].shape
        (1, 32)
    """

    version = 1
    part = "sound_encoder"
    reads = "sound"
    stage_names: ClassVar[dict[str, str]] = {"clip": "audio_embed", "frame": "audio_sequence"}
    Config = AudioEmbedConfig
    config: AudioEmbedConfig

    @property
    def meaning(self) -> str:  # type: ignore[override]
        return f"embedding of the sound: {self.encoder}"

    @property
    def sound_column(self) -> str:
        return self.column
