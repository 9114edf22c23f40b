"""video ─► hubert: the stage of the encoder of speech."""

from __future__ import annotations

from dataclasses import dataclass

from emollama_hf import schema
from emollama_hf.stages.sound_stage import SoundStage, SoundStageConfig
from emollama_hf.stages.stage import Stage


@dataclass(frozen=True)
class HubertEmbedConfig(SoundStageConfig):
    """Every option of `HubertEmbed` that can change its result."""


class HubertEmbed(SoundStage):
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
    Config = HubertEmbedConfig
    config: HubertEmbedConfig
    meaning = "embedding of the sound: an encoder of speech such as HuBERT over the audio track at 16 kHz mono"

    @classmethod
    def variants(cls) -> tuple[Stage, ...]:
        return tuple(cls(model, level=level) for level in ("clip", "frame") for model in ("random-tiny", "random-full"))

    @property
    def sound_column(self) -> str:
        return schema.HUBERT if self.config.level == "clip" else schema.HUBERT_SEQUENCE
