"""The stages of the pipeline, in the order in which data flows. A new stage is one file and one line here."""

from __future__ import annotations

from emollama_hf.stages.emollama import EmoLlamaEmbed
from emollama_hf.stages.facemae import FaceMAEEmbed
from emollama_hf.stages.sample_frames import SampleFrames
from emollama_hf.stages.stage import Stage
from emollama_hf.stages.videomae import VideoMAEEmbed

STAGES: tuple[type[Stage], ...] = (
    SampleFrames,
    FaceMAEEmbed,
    VideoMAEEmbed,
    EmoLlamaEmbed,
)

__all__ = ["STAGES", "EmoLlamaEmbed", "FaceMAEEmbed", "SampleFrames", "VideoMAEEmbed"]


def is_computed(column: str) -> bool:
    """Whether a stage computes columns of this name; stages of other packages count, too."""
    try:
        Stage.maker(column)
    except KeyError:
        return any(column in stage.makes for stage in STAGES)
    return True
