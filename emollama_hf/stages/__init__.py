"""The stages of the pipeline, in the order in which data flows. A new stage is one file and one line here."""

from __future__ import annotations

from emollama_hf.stages.emollama import EmoLlamaEmbed
from emollama_hf.stages.facemae import FaceMAEEmbed
from emollama_hf.stages.sample_frames import SampleFrames
from emollama_hf.stages.videomae import VideoMAEEmbed
from emollama_hf.stage import Stage

STAGES: tuple[type[Stage], ...] = (
    SampleFrames,
    FaceMAEEmbed,
    VideoMAEEmbed,
    EmoLlamaEmbed,
)

#: Ready instances for `ds.map(name, batched=True)`; the model comes from `configure` or the environment.
sample_frames = SampleFrames()
facemae_embed = FaceMAEEmbed()
videomae_embed = VideoMAEEmbed()
emollama_embed = EmoLlamaEmbed()

__all__ = [
    "STAGES",
    "EmoLlamaEmbed",
    "FaceMAEEmbed",
    "SampleFrames",
    "VideoMAEEmbed",
    "emollama_embed",
    "facemae_embed",
    "sample_frames",
    "videomae_embed",
]
